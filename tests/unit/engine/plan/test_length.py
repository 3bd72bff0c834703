"""Length: frames or seconds at a frame rate, within what a model reaches."""

from typing import Any

import pytest

from ltxserve.catalog import load_catalog
from ltxserve.engine.findings import Findings
from ltxserve.engine.plan.length import Length, plan_length
from ltxserve.types import GenerationRequest

CATALOG = load_catalog()


def judge(
    model: str = "tiny", temporal: bool = False, **fields: Any
) -> tuple[Length | None, Findings]:
    findings = Findings()
    request = GenerationRequest(prompt="x", **fields)
    return plan_length(request, CATALOG.model(model), temporal, findings), findings


@pytest.mark.parametrize(
    ("model", "fields", "frames"),
    [
        ("tiny", {}, 49),
        ("tiny", {"seconds": 2}, 49),
        ("tiny", {"seconds": 0.01}, 1),
        ("tiny", {"seconds": 5.04}, 121),
        ("tiny", {"num_frames": 1}, 1),
        ("tiny", {"num_frames": 49, "seconds": 2}, 49),
        ("ltx-2-19b-dev", {"seconds": 20}, 481),
        ("ltx-2-19b-dev", {"seconds": 20, "fps": 25}, 497),
        ("ltx-2-19b-dev", {"seconds": 20, "fps": 30}, 601),
        ("ltx-2-19b-dev", {"seconds": 10, "fps": 120}, 1201),
        ("ltx-2-19b-dev", {"seconds": 0.1}, 9),
    ],
)
def test_frames(model: str, fields: dict[str, Any], frames: int):
    length, findings = judge(model, **fields)
    assert length is not None, findings.problems
    assert length.num_frames == frames


def test_a_temporal_upscaler_doubles_frames_and_rate():
    length, _ = judge("ltx-2-19b-dev", temporal=True, seconds=5, fps=48)
    assert length == Length(241, 48.0, 121, 24.0, 24.0)


def test_fast_clips_are_told_sixty():
    length, findings = judge("ltx-2-19b-dev", fps=48)
    assert length is not None
    assert (length.fps, length.condition_fps) == (48, 60)
    assert "told 60" in findings.warnings[0]


def test_a_rate_the_model_never_saw_is_warned_of():
    assert "trained at 24" in judge(fps=12)[1].warnings[0]
    assert not judge(fps=25)[1].warnings


@pytest.mark.parametrize(
    ("model", "fields", "code", "hint"),
    [
        ("tiny", {"num_frames": 50}, "num_frames_invalid", "Use 49 or 57."),
        ("tiny", {"num_frames": 0}, "num_frames_out_of_range", "1 to 121"),
        ("tiny", {"num_frames": 129}, "num_frames_out_of_range", "1 to 121"),
        ("tiny", {"seconds": 9}, "duration_too_long", "5.04 seconds"),
        ("tiny", {"seconds": 0}, "num_frames_out_of_range", "5.04 seconds"),
        ("tiny", {"fps": 500}, "fps_out_of_range", "24 is best"),
        ("tiny", {"num_frames": 25, "seconds": 2}, "conflicting_fields", "not both"),
        ("ltx-2-19b-dev", {"num_frames": 489}, "duration_too_long", "9 to 481"),
    ],
)
def test_refusals(model: str, fields: dict[str, Any], code: str, hint: str):
    length, findings = judge(model, **fields)
    assert length is None
    assert [p.code for p in findings.problems] == [code]
    assert hint in findings.problems[0].hint


def test_with_a_temporal_upscaler_frames_come_in_sixteens():
    length, findings = judge("ltx-2-19b-dev", temporal=True, num_frames=121, fps=48)
    assert length is None
    assert findings.problems[0].hint == "Use 113 or 129."


def test_an_impossible_rate_does_not_hide_an_impossible_length() -> None:
    length, findings = judge(fps=0, num_frames=50)
    assert length is None
    assert [p.code for p in findings.problems] == ["fps_out_of_range", "num_frames_invalid"]
