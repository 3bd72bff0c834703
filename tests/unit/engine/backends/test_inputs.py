"""Conditions are cropped, re-compressed and kept in time; what cannot be read is said so."""

import dataclasses
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ltxserve.engine.backends.inputs import at_rate, read_condition, read_control
from ltxserve.engine.plan import PlannedCondition, PlannedControl
from ltxserve.errors import MediaError
from ltxserve.media.decode import VideoFrames
from ltxserve.media.edges import canny
from ltxserve.media.encode import write_video
from ltxserve.media.formats.base import EncodeTarget
from ltxserve.media.frames import fit_crop, psnr, recompress
from ltxserve.types import Shape
from tests.tiny import disc, planned, saved

CLIP = Shape(128, 128, 17, 24.0)


def condition(source: str | Path, **fields: object) -> PlannedCondition:
    entry = {"source": str(source), **fields}
    return planned(conditions=[entry], num_frames=17).conditions[0]


def counting_video(path: Path, count: int, fps: int) -> Path:
    """A video whose grey is its frame number times 8."""
    frames = (
        np.zeros((count, 64, 64, 3), np.uint8)
        + (np.arange(count, dtype=np.uint8) * 8)[:, None, None, None]
    )
    kinds = {".mp4": "mp4", ".gif": "gif", ".bin": "mp4"}
    target = EncodeTarget(path, kinds[path.suffix], Fraction(fps), 64, 64, crf=1)  # type: ignore[arg-type]
    write_video([frames], target)
    return path


def numbers(frames: np.ndarray) -> list[int]:
    """Which frames of a counting video these are."""
    return [round(float(frame.mean()) / 8) for frame in frames]


# ── pictures ────────────────────────────────────────────────────────────────────────────────
def test_a_picture_is_cropped_not_squashed(tmp_path: Path):
    wide = np.zeros((128, 384, 3), np.uint8)
    wide[:, :128], wide[:, 128:256], wide[:, 256:] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    read = read_condition(condition(saved(wide, tmp_path / "a.png")), CLIP)
    assert read.frames.shape == (1, 128, 128, 3)
    assert read.frames[0, :, 4:-4].reshape(-1, 3).argmax(axis=1).tolist() == [1] * (128 * 120)


def test_a_picture_is_recompressed_at_the_models_crf(tmp_path: Path):
    picture = disc()
    planned_one = condition(saved(picture, tmp_path / "a.png"))
    assert planned_one.crf == 18
    read = read_condition(planned_one, CLIP).frames[0]
    assert np.array_equal(read, recompress(picture, 18))
    assert not np.array_equal(read, picture)
    untouched = read_condition(dataclasses.replace(planned_one, crf=0), CLIP).frames[0]
    assert np.array_equal(untouched, picture)


def test_place_and_strength_come_along(tmp_path: Path):
    source = saved(disc(), tmp_path / "a.png")
    read = read_condition(condition(source, frame=-1, strength=0.25), CLIP)
    assert (read.frame, read.strength) == (16, 0.25)


def test_the_content_tells_what_the_name_does_not(tmp_path: Path):
    saved(disc(), tmp_path / "a.png").rstrip()
    (tmp_path / "a.png").rename(tmp_path / "picture.bin")
    counting_video(tmp_path / "video.bin", 17, 24)
    assert len(read_condition(condition(tmp_path / "picture.bin"), CLIP).frames) == 1
    assert len(read_condition(condition(tmp_path / "video.bin"), CLIP).frames) == 17


def test_a_gif_that_moves_is_a_video_and_one_that_does_not_is_a_picture(tmp_path: Path):
    counting_video(tmp_path / "moves.gif", 9, 24)
    Image.fromarray(disc()).save(tmp_path / "still.gif")
    assert len(read_condition(condition(tmp_path / "moves.gif"), CLIP).frames) == 9
    assert len(read_condition(condition(tmp_path / "still.gif"), CLIP).frames) == 1


# ── videos ──────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("count", "fields", "used"),
    [
        (24, {}, 17),  # as many as fit into the clip
        (12, {}, 9),  # 8n+1 of what there is
        (24, {"num_frames": 9}, 9),
        (24, {"frame": 8}, 9),  # what fits behind its place
        (5, {"num_frames": 9}, 1),
    ],
)
def test_a_video_gives_as_many_frames_as_fit(
    tmp_path: Path, count: int, fields: dict[str, int], used: int
):
    source = counting_video(tmp_path / "a.mp4", count, 24)
    frames = read_condition(condition(source, **fields), CLIP).frames
    assert numbers(frames) == list(range(used))


@pytest.mark.parametrize(
    ("fps", "shown"),
    [
        (24, list(range(17))),
        (12, [i // 2 for i in range(17)]),
        (30, [i * 30 // 24 for i in range(17)]),
    ],
)
def test_a_video_at_another_rate_keeps_its_time(tmp_path: Path, fps: int, shown: list[int]):
    source = counting_video(tmp_path / "a.mp4", 28, fps)
    assert numbers(read_condition(condition(source), CLIP).frames) == shown


def test_a_video_is_not_recompressed(tmp_path: Path):
    source = counting_video(tmp_path / "a.mp4", 9, 24)
    read = read_condition(condition(source), CLIP).frames
    flat = fit_crop(np.full((64, 64, 3), 8, np.uint8), 128, 128)
    assert psnr(read[1], flat) > 45


@given(
    count=st.integers(1, 60),
    fps=st.sampled_from([Fraction(24), Fraction(30), Fraction(60), Fraction(24000, 1001)]),
    source=st.sampled_from([Fraction(10), Fraction(24), Fraction(25), Fraction(120)]),
)
def test_at_any_rate_every_moment_shows_the_frame_that_plays_then(
    count: int, fps: Fraction, source: Fraction
):
    numbered = np.arange(count, dtype=np.uint8)[:, None, None, None]
    shown = at_rate(VideoFrames(numbered, source), fps)[:, 0, 0, 0]
    assert all(int(n) == int(i / fps * source) for i, n in enumerate(shown))
    assert (len(shown) - 1) / fps < count / source <= len(shown) / fps


# ── what cannot be read ─────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("none.png", None, "media_not_found"),
        ("none.mp4", None, "media_not_found"),
        ("text.png", b"hello", "media_unreadable"),
        ("text.mp4", b"hello", "media_unreadable"),
        ("text.bin", b"hello", "media_unreadable"),
        ("empty.bin", b"", "media_unreadable"),
    ],
)
def test_a_source_that_cannot_be_read(tmp_path: Path, name: str, content: bytes | None, code: str):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(MediaError) as caught:
        read_condition(condition(tmp_path / name), CLIP)
    assert caught.value.code == code


def test_a_video_that_is_cut_off_is_refused(tmp_path: Path):
    whole = counting_video(tmp_path / "a.mp4", 17, 24).read_bytes()
    (tmp_path / "b.mp4").write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.raises(MediaError) as caught:
        read_condition(condition(tmp_path / "b.mp4"), CLIP)
    assert caught.value.code == "media_unreadable"


def test_a_url_goes_through_the_safe_fetch():
    with pytest.raises(MediaError) as caught:
        read_condition(condition("http://127.0.0.1/a.png"), CLIP)
    assert caught.value.code == "url_refused"


def test_a_control_video_is_fitted_and_its_edges_are_drawn_where_planned(tmp_path: Path):
    clip = np.full((20, 60, 120, 3), 30, np.uint8)
    clip[:, 20:40, 50:70] = 220
    path = tmp_path / "a.mp4"
    write_video([clip], EncodeTarget(path, "mp4", Fraction(48), 120, 60, crf=1))
    ready = PlannedControl("pose", str(path), 0.7, False, 2)
    shape = Shape(64, 64, 17, 24)
    read = read_control(ready, shape)
    assert read.frames.shape == (9, 64, 64, 3)  # 10 frames at half the rate, 8k+1 of them
    assert (read.strength, read.downscale) == (0.7, 2)
    assert read.frames[0, 32, 32].min() > 180
    drawn = read_control(dataclasses.replace(ready, compute=True), shape)
    assert set(np.unique(drawn.frames)) == {0, 255}
    assert np.array_equal(drawn.frames, canny(read.frames))
    with pytest.raises(MediaError):
        read_control(dataclasses.replace(ready, source=str(tmp_path / "none.mp4")), shape)
