"""Memory estimates: ordered as they must be, and near what was published."""

import dataclasses

import pytest

from ltxserve.catalog import load_catalog
from ltxserve.catalog.spec import Speed
from ltxserve.engine.plan.memory import (
    estimate_default,
    estimate_memory,
    estimate_seconds,
    forward_passes,
    parameters,
    weights,
)
from ltxserve.engine.plan.nouns import Guidance, Stage
from ltxserve.types import Shape

CATALOG = load_catalog()


def stages(shape: Shape) -> tuple[Stage, ...]:
    return (Stage("denoise", 8, shape), Stage("decode_video", 1, shape))


@pytest.mark.parametrize(
    ("model", "billions"),
    [("ltxv-2b-0.9.5", 1.9), ("ltxv-13b-0.9.8-dev", 12.9), ("ltx-2-19b-dev", 16.1)],
)
def test_parameters_are_near_the_published_counts(model: str, billions: float):
    assert parameters(CATALOG.model(model).architecture) / 1e9 == pytest.approx(billions, rel=0.02)


def test_tiny_fits_its_promise():
    assert estimate_default(CATALOG.model("tiny")).peak < 2 * 2**30


@pytest.mark.parametrize("name", list(CATALOG.models))
def test_low_vram_never_needs_more(name: str):
    spec = CATALOG.model(name)
    assert estimate_default(spec, low_vram=True).peak <= estimate_default(spec).peak


def test_more_picture_and_more_guidance_need_more():
    spec = CATALOG.model("ltx-2-19b-dev")
    small = estimate_memory(spec, stages(Shape(512, 512, 49, 24)), False, False)
    long = estimate_memory(spec, stages(Shape(512, 512, 241, 24)), False, False)
    guided = estimate_memory(spec, stages(Shape(512, 512, 241, 24)), True, False)
    assert small.peak < long.peak <= guided.peak
    assert long.components["denoise"] * 2 == guided.components["denoise"]


def test_ltx_video_is_guided_by_one_call_after_another():
    spec = CATALOG.model("ltxv-13b-0.9.8-dev")
    shape = Shape(1216, 704, 121, 30)
    free, guided = (estimate_memory(spec, stages(shape), each, False) for each in (False, True))
    assert guided == free


def test_optional_files_count_when_they_run():
    spec = CATALOG.model("ltx-2-19b-dev")
    assert set(weights(spec)) == {"checkpoint", "text_encoder"}
    assert "spatial_upscaler" in weights(spec, frozenset({"spatial_upscaler"}))


def test_a_second_pass_without_guidance_needs_no_second_batch():
    spec = CATALOG.model("ltx-2-19b-dev")
    small, large = Shape(512, 512, 49, 24), Shape(1024, 1024, 49, 24)
    off = Guidance(1.0, 0.0, (), 0.0, 1.0)

    def denoise(guidance: Guidance | None) -> int:
        first, last = stages(small)[:1], stages(large)[1:]
        second = Stage("denoise", 3, large, None, guidance)
        return estimate_memory(spec, (*first, second, *last), True, False).components["denoise"]

    assert denoise(None) == 2 * denoise(off)


def test_each_kind_of_guidance_is_another_pass():
    assert forward_passes(Guidance(1.0, 0.0, (), 0.0, 1.0)) == 1
    both = Guidance(1.0, 0.0, (), 0.0, 3.0), Guidance(7.0, 1.0, (28,), 0.7, 3.0)
    assert forward_passes(*both) == 4


def test_time_is_only_estimated_where_speed_was_measured():
    spec = dataclasses.replace(CATALOG.model("tiny"), speed=None)
    plan = stages(Shape(256, 256, 49, 24))
    assert estimate_seconds(spec, plan, 1) is None
    timed = dataclasses.replace(spec, speed=Speed("x", 1.0, 448 * 8.0, 256 * 256 * 49.0))
    assert estimate_seconds(timed, plan, 1) == 3.0
    assert estimate_seconds(timed, plan, 2) == 4.0
    off, text = Guidance(1.0, 0.0, (), 0.0, 1.0), Guidance(3.0, 0.0, (), 0.0, 1.0)
    changing = (dataclasses.replace(plan[0], guidances=(off,) * 4 + (text,) * 4), *plan[1:])
    assert estimate_seconds(timed, changing, 2) == 3.5
