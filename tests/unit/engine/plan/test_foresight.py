"""What is left to the model: lengths and words, refused where it cannot say them."""

from typing import Any

import pytest

from ltxserve.catalog import load_catalog
from ltxserve.engine.plan import Plan, parse_request, plan
from ltxserve.engine.plan.foresight import chosen_frames
from ltxserve.engine.plan.nouns import PlannedAutoLength
from ltxserve.errors import RequestRefused

CATALOG = load_catalog()
TELLS, WRITES = "ltx-2.5-22b-distilled", "ltx-2-19b-dev"


def planned(model: str, **fields: Any) -> Plan:
    return plan(parse_request({"prompt": "a dog", "model": model, **fields}), CATALOG)


def refused(model: str, **fields: Any) -> list[tuple[str, str | None]]:
    with pytest.raises(RequestRefused) as caught:
        planned(model, **fields)
    return [(problem.code, problem.field) for problem in caught.value.problems]


def kinds(made: Plan) -> list[str]:
    return [stage.kind for stage in made.stages]


def test_a_length_that_is_left_open_is_planned_for_the_longest():
    made = planned(TELLS, auto_length={})
    assert made.auto_length == PlannedAutoLength(25, 481, 8)
    assert (made.generate.num_frames, made.deliver.num_frames) == (481, 481)
    assert made.is_open
    assert kinds(made)[:2] == ["choose_length", "encode_prompt"]
    asked = planned(TELLS, num_frames=481)
    assert made.memory == asked.memory
    assert not asked.is_open


def test_bounds_are_seconds_at_the_clips_rate():
    made = planned(TELLS, auto_length={"min_seconds": 2, "max_seconds": 4}, fps=25)
    assert made.auto_length == PlannedAutoLength(57, 97, 8)
    doubled = planned(
        TELLS, auto_length={"max_seconds": 4}, fps=48, upscale={"temporal": True}
    ).auto_length
    assert doubled is not None
    assert doubled.step == 16
    assert (doubled.min_frames % 16, doubled.max_frames % 16) == (1, 1)


def test_models_without_the_part_refuse_it():
    assert refused("tiny", auto_length={}) == [("auto_length_unsupported", "auto_length")]
    assert refused(WRITES, auto_length={}) == [("auto_length_unsupported", "auto_length")]
    for model in ("tiny", TELLS, "ltxv-2b-0.9.8-distilled"):
        wanted = [("prompt_enhancement_unsupported", "enhance_prompt")]
        assert refused(model, enhance_prompt=True) == wanted


@pytest.mark.parametrize(
    ("bounds", "code", "field"),
    [
        ({"min_seconds": 0}, "invalid_field", "auto_length.min_seconds"),
        ({"min_seconds": 5, "max_seconds": 4}, "invalid_field", "auto_length.min_seconds"),
        ({"max_seconds": 30}, "duration_too_long", "auto_length.max_seconds"),
        ({"min_seconds": 30}, "duration_too_long", "auto_length.min_seconds"),
        ({"min_seconds": float("nan")}, "not_a_number", "auto_length.min_seconds"),
    ],
)
def test_bounds_that_cannot_be(bounds: dict[str, float], code: str, field: str):
    assert refused(TELLS, auto_length=bounds) == [(code, field)]


@pytest.mark.parametrize(
    "fields",
    [
        {"seconds": 3},
        {"num_frames": 49},
        {"extend": {"source": "a.mp4", "seconds": 2}},
        {"sound": {"source": "a.wav"}},
    ],
)
def test_what_decides_the_length_excludes_it(fields: dict[str, Any]):
    assert ("conflicting_fields", "auto_length") in refused(TELLS, auto_length={}, **fields)


def test_a_presets_length_gives_way():
    made = planned(TELLS, preset="draft", width=256, auto_length={"max_seconds": 3})
    assert made.auto_length is not None
    assert made.deliver.num_frames == made.auto_length.max_frames == 73


def test_pictures_have_to_fit_into_the_shortest_clip():
    picture = {"source": "a.png", "frame": 40}
    assert refused(TELLS, auto_length={}, conditions=[picture]) == [
        ("frame_out_of_range", "conditions.0.frame")
    ]
    for bounds, frame in (({"min_seconds": 2}, 40), ({}, -1), ({}, 0)):
        assert planned(TELLS, auto_length=bounds, conditions=[{**picture, "frame": frame}])


def test_a_prompt_is_written_out_before_anything_else():
    made = planned(WRITES, enhance_prompt=True, camera_motion="dolly_in")
    assert kinds(made)[:2] == ["enhance_prompt", "encode_prompt"]
    assert made.asked_prompt == "a dog"
    assert planned(WRITES).asked_prompt is None
    assert planned(WRITES).to_dict()["asked_prompt"] is None


def test_an_extension_is_written_out_once():
    made = planned(WRITES, enhance_prompt=True, extend={"source": "a.mp4", "seconds": 40})
    assert kinds(made).count("enhance_prompt") == 1
    assert kinds(made).count("denoise") > 1


@pytest.mark.parametrize(
    ("seconds", "frames"), [(0.0, 25), (1.1, 25), (1.4, 33), (3.99, 89), (4.1, 97), (99.0, 97)]
)
def test_the_chosen_length_is_on_the_grid_and_within_the_bounds(seconds: float, frames: int):
    assert chosen_frames(seconds, PlannedAutoLength(25, 97, 8), 24.0) == frames


def test_every_row_that_runs_and_tells_lengths_names_the_file_that_does():
    able = [spec for spec in CATALOG.models.values() if spec.runs and spec.supports.duration_head]
    assert able
    for spec in able:
        assert "duration_head" in {file.role for file in spec.files}, spec.name
