"""Frames, seconds and sizes, against the vendor's tables."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ltxserve.catalog import load_catalog
from ltxserve.engine import geometry as g

LTX2 = load_catalog().model("ltx-2-19b-dev").limits
TINY = load_catalog().model("tiny").limits


@pytest.mark.parametrize(
    ("fps", "most"), [(24, 481), (25, 497), (30, 601), (60, 1201), (48, 961), (120, 1201)]
)
def test_twenty_seconds_in_frames(fps: float, most: int):
    assert g.frame_limit(fps, LTX2) == most


@pytest.mark.parametrize(("fps", "told"), [(24, 24), (30, 30), (31, 60), (48, 60), (120, 60)])
def test_fast_clips_are_conditioned_at_sixty(fps: float, told: float):
    assert g.conditioning_fps(fps, LTX2) == told


@pytest.mark.parametrize(
    ("frames", "below", "above", "near"),
    [(1, 1, 1, 1), (50, 49, 57, 49), (53, 49, 57, 57), (0, 1, 1, 1)],
)
def test_legal_frame_counts(frames: int, below: int, above: int, near: int):
    assert g.frames_floor(frames) == below
    assert g.frames_ceil(frames) == above
    assert g.frames_nearest(frames) == near


@pytest.mark.parametrize(("frame", "index"), [(0, 0), (1, 1), (8, 1), (9, 2), (48, 6)])
def test_the_latent_frame_of_a_pixel_frame(frame: int, index: int):
    assert g.latent_index(frame) == index
    assert index < g.latent_frames(49)


def test_tokens_of_the_default_tiny_clip():
    assert g.latent_tokens(256, 256, 49) == 7 * 8 * 8


def test_a_temporal_upscale_puts_a_frame_between_every_two():
    assert g.doubled_frames(121) == 241


@pytest.mark.parametrize(
    ("size", "multiple", "covering"),
    [
        ((1280, 720), 32, (1280, 736)),
        ((1280, 720), 64, (1280, 768)),
        ((1920, 1080), 32, (1920, 1088)),
        ((1920, 1080), 64, (1920, 1088)),
        ((1280, 720), 128, (1280, 768)),
        ((3840, 2160), 128, (3840, 2176)),
    ],
)
def test_sizes_that_are_generated_and_cropped(size: g.Size, multiple: int, covering: g.Size):
    assert g.cover(size, multiple) == covering


@pytest.mark.parametrize(
    ("text", "ratio", "size"),
    [
        ("720p", None, (1280, 720)),
        ("1080P", None, (1920, 1080)),
        ("480p", None, (854, 480)),
        ("720p", 9 / 16, (720, 1280)),
        ("540p", 1.0, (540, 540)),
        ("4k", None, (3840, 2160)),
        ("1216 x 704", None, (1216, 704)),
        ("704×480", None, (704, 480)),
        ("720", None, None),
        ("hd", None, None),
        ("-1x5", None, None),
    ],
)
def test_sizes_by_name(text: str, ratio: float | None, size: g.Size | None):
    assert g.parse_size(text, ratio) == size


@pytest.mark.parametrize(
    ("text", "ratio"),
    [("16:9", 16 / 9), ("1:1", 1), ("2.39:1", 2.39), ("0:1", None), ("9:1", None), ("x", None)],
)
def test_ratios(text: str, ratio: float | None):
    assert g.parse_ratio(text) == (pytest.approx(ratio) if ratio else None)


@given(st.floats(0, 1e9), st.floats(0, 1e9), st.sampled_from([LTX2, TINY]))
def test_the_nearest_size_is_always_legal(width: float, height: float, limits: g.Limits):
    for multiple in (limits.multiple, limits.two_stage_multiple):
        assert g.is_legal(g.nearest_size((width, height), multiple, limits), multiple, limits)


def test_the_nearest_size_keeps_the_shape():
    assert g.nearest_size((1280, 720), 32, TINY) == (512, 288)
    assert g.nearest_size((64, 64), 32, TINY) == (128, 128)
    assert g.size_of_area(256 * 256, 16 / 9, 32, TINY) == (352, 192)


def test_the_first_pass_of_a_multi_scale_model():
    assert g.first_pass_size((1216, 704), 0.6666666) == (800, 448)
