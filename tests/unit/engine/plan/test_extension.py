"""Extensions: context, segments, what is delivered, and what cannot be added."""

import re
from typing import Any

import pytest

from ltxserve.catalog import load_catalog
from ltxserve.engine.findings import Findings
from ltxserve.engine.geometry import frame_limit
from ltxserve.engine.plan import PlannedExtend
from ltxserve.engine.plan.extension import MAX_SEGMENTS, delivered, plan_extend
from ltxserve.types import Extend

SPEC = load_catalog().model("tiny")
LIMIT = frame_limit(24, SPEC.limits)


def extended(fps: float = 24, **fields: Any) -> tuple[PlannedExtend | None, Findings]:
    findings = Findings()
    asked = Extend.model_validate({"source": "a.mp4", **fields})
    return plan_extend(asked, fps, SPEC, findings), findings


def planned(**fields: Any) -> PlannedExtend:
    made, findings = extended(**fields)
    assert made is not None, findings.problems
    return made


def codes(**fields: Any) -> list[str]:
    return [problem.code for problem in extended(**fields)[1].problems]


@pytest.mark.parametrize("direction", ["end", "start"])
@pytest.mark.parametrize("added", [1, 7, 8, 9, 24, 80, 81, 200, 500])
@pytest.mark.parametrize("have", [9, 25, 49, 1000])
def test_segments_are_clips_that_the_model_makes(direction: str, added: int, have: int):
    made = planned(direction=direction, num_frames=added, source_frames=have)
    assert all((part.num_frames - 1) % 8 == 0 for part in made.segments)
    assert all(part.num_frames <= LIMIT for part in made.segments)
    assert made.segments[0].context <= have
    assert sum(part.new for part in made.segments) >= added
    assert sum(part.new for part in made.segments[:-1]) < added
    assert {part.context % 8 for part in made.segments} == {1 if direction == "end" else 0}
    assert delivered(made) == have + added


def test_the_length_is_that_of_seconds():
    made = planned(seconds=1.5, source_frames=49)
    assert made.added == 36
    assert [(part.context, part.new) for part in made.segments] == [(49 - 8, 40)]


def test_the_context_is_what_is_asked_for():
    assert planned(num_frames=8, source_frames=49, context=1.0).segments[0].context == 17
    assert planned(num_frames=8, source_frames=49, context=1.05).segments[0].context == 25
    assert planned(num_frames=8, source_frames=49, context=0.01).segments[0].context == 1


@pytest.mark.parametrize("direction", ["end", "start"])
def test_after_a_short_source_later_segments_see_more(direction: str):
    made = planned(num_frames=300, source_frames=9, direction=direction)
    contexts = [part.context for part in made.segments]
    assert contexts[0] in {8, 9}
    assert set(contexts[1:]) <= {41, 48}
    short = planned(num_frames=300, source_frames=9, direction=direction, context=0.375)
    assert len({part.context for part in short.segments}) == 1


def test_only_the_new_part():
    made = planned(num_frames=12, source_frames=49, join=False)
    assert delivered(made) == 12


def test_a_long_one_warns_of_drift():
    made, findings = extended(num_frames=LIMIT, source_frames=49)
    assert made is not None
    assert len(made.segments) > 1
    assert "drift" in findings.warnings[0]


def test_a_source_that_was_not_looked_at():
    made, findings = extended(num_frames=8)
    assert made is not None
    assert delivered(made) == made.segments[0].context + 8
    assert "not looked at" in findings.warnings[0]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, "extension_invalid"),
        ({"seconds": 0}, "extension_invalid"),
        ({"seconds": -3}, "extension_invalid"),
        ({"num_frames": 0}, "extension_invalid"),
        ({"seconds": 1, "num_frames": 24}, "conflicting_fields"),
        ({"num_frames": MAX_SEGMENTS * LIMIT}, "extension_invalid"),
        ({"seconds": 10**9}, "extension_invalid"),
        ({"seconds": 1, "context": 0}, "extension_invalid"),
        ({"seconds": 1, "context": 60}, "extension_invalid"),
        ({"seconds": 1, "context": 2, "source_frames": 25}, "source_too_short"),
        ({"seconds": 1, "direction": "start", "source_frames": 7}, "source_too_short"),
    ],
)
def test_what_cannot_be_is_refused(fields: dict[str, Any], code: str):
    assert codes(**fields) == [code]


@pytest.mark.parametrize("direction", ["end", "start"])
@pytest.mark.parametrize("fps", [24, 25, 29.97, 60])
@pytest.mark.parametrize(("have", "context"), [(9, None), (20, None), (20, 0.1), (None, 1.0)])
def test_the_most_that_a_refusal_names_can_be_added(
    direction: str, fps: float, have: int | None, context: float | None
):
    asked = {"direction": direction, "source_frames": have, "context": context}
    _, findings = extended(fps, num_frames=10**6, **asked)
    (problem,) = findings.problems
    frames, seconds = re.findall(r"most (\d+) \(([\d.]+) seconds", problem.hint)[0]
    made, _ = extended(fps, num_frames=int(frames), **asked)
    assert made is not None
    assert len(made.segments) == MAX_SEGMENTS
    assert extended(fps, num_frames=int(frames) + 1, **asked)[0] is None
    assert extended(fps, seconds=float(seconds), **asked)[0] is not None


@pytest.mark.parametrize("fps", [24, 25, 29.97, 30, 60])
def test_the_longest_context_that_a_refusal_names_can_be_used(fps: float):
    _, findings = extended(fps, num_frames=8, context=60)
    longest = float(re.findall(r"([\d.]+) seconds", findings.problems[0].hint)[0])
    assert extended(fps, num_frames=8, context=longest)[0] is not None


def test_all_problems_at_once():
    assert codes(seconds=0, context=-1) == ["extension_invalid", "extension_invalid"]
