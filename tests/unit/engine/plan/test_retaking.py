"""Retakes: which frames are new, which the model sees, and ranges that are none."""

from typing import Any

import pytest

from ltxserve.catalog import load_catalog
from ltxserve.engine.findings import Findings
from ltxserve.engine.geometry import frame_limit
from ltxserve.engine.plan import PlannedRetake
from ltxserve.engine.plan.retaking import plan_retake
from ltxserve.types import Retake

SPEC = load_catalog().model("tiny")
LIMIT = frame_limit(24, SPEC.limits)


def retaken(start: float, end: float, **fields: Any) -> tuple[PlannedRetake | None, Findings]:
    findings = Findings()
    asked = Retake.model_validate(
        {"source": "a.mp4", "start": start, "end": end, "source_frames": 25, **fields}
    )
    return plan_retake(asked, 24, SPEC, findings), findings


def planned(start: float, end: float, **fields: Any) -> PlannedRetake:
    made, findings = retaken(start, end, **fields)
    assert made is not None, findings.problems
    return made


@pytest.mark.parametrize(
    ("start", "end", "frames"),
    [(0, 1.0, (0, 25)), (0, 0.04, (0, 1)), (0.05, 0.2, (1, 9)), (0.4, 0.6, (9, 17))],
)
def test_whole_latent_frames_are_made_anew(start: float, end: float, frames: tuple[int, int]):
    made = planned(start, end)
    assert (made.first_frame, made.end_frame) == frames
    assert (made.window, made.window_frames) == (0, 25)


def test_it_says_what_it_widens():
    assert "frames 1 to 16" in retaken(0.2, 0.5)[1].warnings[0]
    assert not retaken(0, 25 / 24)[1].warnings
    assert not retaken(0.2, 0.5, video=False)[1].warnings


@pytest.mark.parametrize("have", [1, 2, 9, 26, 50, 121, 122])
def test_a_source_of_any_length_is_delivered_whole(have: int):
    made = planned(0, have / 24, source_frames=have) if have <= LIMIT else None
    if made is not None:
        assert (made.first_frame, made.end_frame, made.source_frames) == (0, have, have)
        assert made.window_frames % 8 == 1
        assert have <= made.window_frames < have + 8
    part = planned(0, 1 / 24, source_frames=have)
    assert (part.first_frame, part.end_frame) == (0, 1)


@pytest.mark.parametrize("at", [0.0, 0.3, 1.0, 7.77, 30.0, 59.0])
def test_the_model_sees_the_neighbourhood_of_a_long_source(at: float):
    made = planned(at, at + 1, source_frames=1440)
    first, end = round(at * 24), round((at + 1) * 24)
    assert made.window_frames == LIMIT
    assert 0 <= made.window <= made.first_frame <= first
    assert end <= made.end_frame <= made.window + made.window_frames
    assert made.end_frame <= made.source_frames == 1440
    if 5 < at < 55:
        assert made.first_frame == first, "a group of frames begins where the range does"
        assert min(first - made.window, made.window + LIMIT - end) > 40


@pytest.mark.parametrize(
    ("start", "end", "field"),
    [
        (-1, 1, "retake.start"),
        (0.5, 0.5, "retake.end"),
        (0.6, 0.5, "retake.end"),
        (0.5, 1.2, "retake.end"),
        (0, 1e300, "retake.end"),
    ],
)
def test_ranges_that_are_none(start: float, end: float, field: str):
    made, findings = retaken(start, end)
    assert made is None
    assert [(p.code, p.field) for p in findings.problems] == [("retake_range_invalid", field)]


def test_a_range_beyond_one_run():
    _, findings = retaken(0, 10, source_frames=1440)
    assert findings.problems[0].code == "retake_range_invalid"
    assert "at once" in findings.problems[0].hint


def test_a_source_that_was_not_looked_at_is_long_enough():
    assert planned(3, 4, source_frames=None).source_frames == 96
    assert planned(0, 1, source_frames=None).source_frames == SPEC.defaults.num_frames


def test_nothing_to_make():
    _, findings = retaken(0, 1, video=False, audio=False)
    assert [problem.code for problem in findings.problems] == ["conflicting_fields"]
