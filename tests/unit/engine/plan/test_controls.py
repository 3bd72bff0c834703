"""Control videos find their adapters, size the clip, and are refused where nothing follows them."""

from typing import Any

import pytest

from ltxserve.catalog import load_catalog
from ltxserve.engine.plan import Plan, plan
from ltxserve.errors import RequestRefused
from ltxserve.types import GenerationRequest

CATALOG = load_catalog()


def planned(model: str, *controls: dict[str, Any], **fields: Any) -> Plan:
    asked = {"prompt": "a ball", "model": model, "controls": list(controls), **fields}
    return plan(GenerationRequest.model_validate(asked), CATALOG)


def refused(model: str, *controls: dict[str, Any], **fields: Any) -> list[tuple[str, str | None]]:
    with pytest.raises(RequestRefused) as caught:
        planned(model, *controls, **fields)
    return [(problem.code, problem.field) for problem in caught.value.problems]


def used(made: Plan) -> list[list[str]]:
    """The adapters of each pass."""
    return [[lora.name for lora in stage.loras] for stage in made.passes]


EDGES = {"kind": "canny", "source": "a.mp4"}
DEPTH = {"kind": "depth", "source": "d.mp4", "strength": 0.8}


def test_each_kind_has_its_adapter_in_the_first_pass_alone():
    made = planned("ltx-2-19b-distilled", EDGES, DEPTH)
    assert used(made) == [["ic-canny", "ic-depth"]]
    assert made.loras == ()
    assert [(c.kind, c.compute, c.strength, c.downscale) for c in made.controls] == [
        ("canny", True, 1.0, 1),
        ("depth", False, 0.8, 1),
    ]
    stage = next(stage for stage in made.stages if stage.kind == "encode_conditions")
    assert stage.steps == 2
    twice = planned("ltx-2-19b-distilled", EDGES, upscale={"spatial": True})
    assert used(twice) == [["ic-canny"], []]


def test_multi_scale_models_follow_in_their_first_pass():
    made = planned("ltxv-13b-0.9.8-distilled", EDGES, DEPTH)
    assert used(made) == [["ltxv-ic-canny", "ltxv-ic-depth"], []]
    first, second = made.passes
    shape = first.shape
    each = shape.width // 32 * (shape.height // 32) * ((shape.num_frames - 1) // 8 + 1)
    assert (first.also_tokens, second.also_tokens) == (2 * each, 0)
    assert second.shape.width > shape.width


def test_one_adapter_for_all_is_worn_once_and_sees_half_the_size():
    made = planned("ltx-2.3-22b-distilled-1.1", EDGES, DEPTH, width=1280, height=704)
    assert used(made) == [["2.3-union-control"]]
    assert {control.downscale for control in made.controls} == {2}
    assert (made.generate.width, made.generate.height, made.fit) == (1280, 704, "none")


def test_the_model_makes_a_size_that_can_be_halved():
    plain = planned("ltx-2.3-22b-distilled-1.1", width=1280, height=736)
    led = planned("ltx-2.3-22b-distilled-1.1", EDGES, width=1280, height=736)
    assert (plain.generate.height, led.generate.height) == (736, 768)
    assert (led.deliver.height, led.fit) == (736, "crop")
    twice = planned(
        "ltx-2.3-22b-distilled-1.1", EDGES, width=1280, height=736, upscale={"spatial": True}
    )
    assert twice.passes[0].shape.height % 64 == 0


def test_what_the_model_sees_besides_counts():
    plain = planned("ltx-2-19b-distilled")
    led = planned("ltx-2-19b-distilled", EDGES)
    half = planned("ltx-2.3-22b-distilled-1.1", EDGES)
    assert plain.passes[0].also_tokens == 0
    assert led.passes[0].also_tokens == 4 * half.passes[0].also_tokens
    assert led.memory.components["denoise"] == 2 * plain.memory.components["denoise"]
    assert led.memory.components["latents"] == 2 * plain.memory.components["latents"]


def test_ready_videos_are_told_apart_from_those_that_are_computed():
    made = planned("ltx-2-19b-dev", {**EDGES, "compute": False})
    assert not made.controls[0].compute
    assert made.warnings == ()
    assert "ready depth video" in planned("ltx-2-19b-dev", DEPTH).warnings[0]
    assert refused("ltx-2-19b-dev", {**DEPTH, "compute": True}) == [
        ("controls_unsupported", "controls.0.compute")
    ]


@pytest.mark.parametrize(
    ("model", "controls", "more", "problems"),
    [
        ("tiny", [EDGES], {}, [("controls_unsupported", "controls.0")]),
        ("ltx-2.5-22b-dev", [EDGES], {}, [("controls_unsupported", "controls.0")]),
        ("ltxv-2b-0.9.8-distilled", [EDGES], {}, [("controls_unsupported", "controls.0")]),
        (
            "ltx-2-19b-dev",
            [{"kind": "pose", "source": "a.png"}],
            {},
            [("source_invalid", "controls.0.source")],
        ),
        (
            "ltx-2-19b-dev",
            [{"kind": "canny", "source": "a.mp4", "strength": 1.5}],
            {},
            [("strength_out_of_range", "controls.0.strength")],
        ),
        (
            "ltx-2-19b-dev",
            [EDGES],
            {"video_to_video": {"source": "b.mp4"}},
            [("conflicting_fields", "controls")],
        ),
        ("ltx-2-19b-dev", [EDGES] * 9, {}, [("too_many_conditions", "controls")]),
    ],
)
def test_refusals(model: str, controls: list[Any], more: dict[str, Any], problems: list[Any]):
    assert refused(model, *controls, **more) == problems
