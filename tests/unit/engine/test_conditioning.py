"""Conditions find their place in the clip, or are refused with the frame to use."""

import dataclasses
from typing import Any

import pytest

from ltxserve.catalog import ModelSpec, load_catalog
from ltxserve.engine.conditioning import PlannedCondition, Timeline, plan_conditions
from ltxserve.engine.findings import Findings
from ltxserve.types import Condition

TINY = load_catalog().model("tiny")
OLD = load_catalog().model("ltxv-2b-0.9.0")
GRID = load_catalog().model("ltxv-2b-0.9.5")
CLIP = Timeline(49)


def place(
    *conditions: dict[str, Any], spec: ModelSpec = TINY, clip: Timeline = CLIP
) -> tuple[tuple[PlannedCondition, ...], Findings]:
    findings = Findings()
    made = tuple(Condition(**{"source": "a.png", **c}) for c in conditions)
    return plan_conditions(made, spec, clip, findings), findings


@pytest.mark.parametrize(
    ("frame", "at", "latent", "placement"),
    [
        (0, 0, 0, "replace"),
        (1, 1, 1, "keyframe"),
        (24, 24, 3, "keyframe"),
        (48, 48, 6, "keyframe"),
        (-1, 48, 6, "keyframe"),
        (-49, 0, 0, "replace"),
    ],
)
def test_any_pixel_frame_can_be_a_keyframe(frame: int, at: int, latent: int, placement: str):
    (item,), findings = place({"frame": frame})
    assert (item.frame, item.latent_index, item.placement) == (at, latent, placement)
    assert not findings.warnings


def test_a_coarse_model_moves_keyframes_and_says_so():
    (item,), findings = place({"frame": -1}, spec=GRID)
    assert item.frame == 48
    (item,), findings = place({"frame": 21}, spec=GRID)
    assert item.frame == 24
    assert "moved to frame 24" in findings.warnings[0]


def test_after_a_temporal_upscaler_conditions_act_at_half_the_frame():
    (item,), _ = place({"frame": 96}, clip=Timeline(97, 2))
    assert item.frame == 48


def test_images_are_recompressed_videos_are_not():
    image, video = place({"source": "a.png"}, {"source": "b.mp4", "frame": 9})[0]
    assert (image.crf, image.num_frames, image.max_frames) == (18, 1, 1)
    assert (video.crf, video.num_frames, video.max_frames) == (0, None, 33)


@pytest.mark.parametrize(("wanted", "used"), [(9, 9), (12, 9), (1000, 49), (1, 1)])
def test_video_frames_are_cut_to_the_clip(wanted: int, used: int):
    (item,), findings = place({"source": "b.mp4", "num_frames": wanted})
    assert item.num_frames == used
    assert bool(findings.warnings) == (wanted != used)


@pytest.mark.parametrize(
    ("conditions", "code", "field"),
    [
        ([{"frame": 49}], "frame_out_of_range", "conditions.0.frame"),
        ([{"frame": -50}], "frame_out_of_range", "conditions.0.frame"),
        ([{"strength": 1.1}], "strength_out_of_range", "conditions.0.strength"),
        ([{"num_frames": 9}], "conflicting_fields", "conditions.0.num_frames"),
        ([{"source": "b.mp4", "num_frames": 0}], "num_frames_invalid", "conditions.0.num_frames"),
        ([{"source": "s.wav"}], "source_invalid", "conditions.0.source"),
        ([{}, {}], "frame_conflict", "conditions"),
        ([{"source": "b.mp4", "num_frames": 17}, {"frame": 9}], "frame_conflict", "conditions"),
        ([{"frame": i} for i in range(9)], "too_many_conditions", "conditions"),
    ],
)
def test_refusals(conditions: list[dict[str, Any]], code: str, field: str):
    _, findings = place(*conditions)
    assert [(p.code, p.field) for p in findings.problems] == [(code, field)]


def test_a_first_frame_model_refuses_keyframes_and_video():
    _, findings = place({"frame": 8}, {"source": "b.mp4"}, spec=OLD)
    assert [p.code for p in findings.problems] == ["conditions_unsupported"] * 2


def test_a_model_without_image_conditioning_refuses_images():
    blind = dataclasses.replace(TINY, supports=dataclasses.replace(TINY.supports, image=False))
    _, findings = place({}, spec=blind)
    assert findings.problems[0].code == "conditions_unsupported"


def test_a_video_of_open_length_ends_before_the_next_condition():
    """Or two sources would be held at the same frames."""
    made, findings = place({"frame": -1}, {"source": "b.mp4"}, {"source": "c", "frame": 12})
    assert not findings.problems
    assert [(item.frame, item.max_frames) for item in made] == [(48, 1), (0, 9), (12, 33)]
