"""Stages follow from picture, length and recipe."""

import pytest

from ltxserve.catalog import load_catalog
from ltxserve.engine.loras import PlannedLora
from ltxserve.engine.plan.length import Length
from ltxserve.engine.plan.nouns import Guidance
from ltxserve.engine.plan.picture import Picture
from ltxserve.engine.plan.stages import Recipe, plan_stages
from ltxserve.types import Upscale

CATALOG = load_catalog()
LENGTH = Length(49, 24.0, 49, 24.0, 24.0)
ONE = Picture((256, 256), (256, 256), (256, 256), "none")
TWO = Picture((512, 512), (512, 512), (256, 256), "none")


@pytest.mark.parametrize(
    ("conditions", "audio", "kinds"),
    [
        (0, False, "encode_prompt denoise decode_video encode_file"),
        (2, True, "encode_prompt encode_conditions denoise decode_video decode_audio encode_file"),
    ],
)
def test_one_pass(conditions: int, audio: bool, kinds: str):
    recipe = Recipe(8, None, Upscale(), conditions, audio)
    stages = plan_stages(CATALOG.model("tiny"), ONE, LENGTH, recipe)
    assert " ".join(stage.kind for stage in stages) == kinds


def test_the_second_pass_has_the_guidance_of_its_row():
    recipe = Recipe(8, None, Upscale(spatial=True), 0, False)

    def second(model: str) -> Guidance | None:
        stages = plan_stages(CATALOG.model(model), TWO, LENGTH, recipe)
        return [stage for stage in stages if stage.kind == "denoise"][1].guidance

    assert second("ltx-2-19b-dev") == Guidance(1.0, 0.0, (), 0.0, 1.0)
    assert second("ltxv-13b-0.9.8-dev") == Guidance(1.0, 1.0, (27,), 0.0, 1.0)


def test_guidance_of_each_step_belongs_to_the_first_pass():
    off = Guidance(1.0, 0.0, (), 0.0, 1.0)
    recipe = Recipe(2, None, Upscale(spatial=True), 0, False, guidances=(off, off))
    stages = plan_stages(CATALOG.model("ltxv-13b-0.9.8-dev"), TWO, LENGTH, recipe)
    assert [s.guidances for s in stages if s.kind == "denoise"] == [(off, off), ()]


def test_the_second_pass_alone_wears_the_refining_adapter():
    refining = (PlannedLora("distilled", 1.0),)
    recipe = Recipe(8, None, Upscale(spatial=True), 0, False, refining)
    stages = plan_stages(CATALOG.model("ltx-2-19b-dev"), TWO, LENGTH, recipe)
    assert [s.loras for s in stages if s.kind == "denoise"] == [(), refining]
    assert not any(s.loras for s in plan_stages(CATALOG.model("tiny"), ONE, LENGTH, recipe))


@pytest.mark.parametrize(
    ("model", "steps", "sigmas"),
    [
        ("ltx-2-19b-dev", 3, (0.909375, 0.725, 0.421875)),
        ("ltxv-2b-0.9.8-distilled", 3, (0.9094, 0.725, 0.4219)),
        ("tiny", 2, (1.0, 0.975)),
    ],
)
def test_the_second_pass_is_the_models(model: str, steps: int, sigmas: tuple[float, ...]):
    recipe = Recipe(8, None, Upscale(spatial=True), 0, False)
    stages = plan_stages(CATALOG.model(model), TWO, LENGTH, recipe)
    second = [stage for stage in stages if stage.kind == "denoise"][1]
    assert (second.steps, second.sigmas, second.shape.width) == (steps, sigmas, 512)
