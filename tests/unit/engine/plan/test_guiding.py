"""Guidance of each step: the vendor's table, over which go the terms of a request."""

from typing import Any

import pytest

from ltxserve.catalog import load_catalog
from ltxserve.engine.plan import plan
from ltxserve.engine.plan.guiding import entry, guidance_on_the_way
from ltxserve.engine.plan.nouns import Guidance
from ltxserve.types import GenerationRequest

CATALOG = load_catalog()
DEV = CATALOG.model("ltxv-13b-0.9.8-dev")
OFF = Guidance(1.0, 0.0, (), 0.0, 1.0)
MOST = Guidance(8.0, 4.0, (28,), 0.5, 1.0)


def asked(**fields: Any) -> GenerationRequest:
    return GenerationRequest.model_validate({"prompt": "x", "model": DEV.name, **fields})


def steps(most: Guidance = MOST, **fields: Any) -> tuple[Guidance, ...]:
    return guidance_on_the_way(asked(**fields), DEV, DEV.sampling.sigmas, most)


@pytest.mark.parametrize(
    ("sigma", "number"),
    [(1.0, 0), (0.999, 1), (0.996, 1), (0.9959, 2), (0.985, 3), (0.9, 6), (0.618, 6), (0.1, 6)],
)
def test_an_entry_holds_down_to_its_sigma(sigma: float, number: int):
    assert DEV.sampling.schedule is not None
    assert entry(DEV.sampling.schedule, sigma) == number


def test_the_steps_of_lightricks_own_table():
    made = steps()
    assert [g.guidance_scale for g in made] == [1] * 3 + [6] * 2 + [8] * 5 + [6] * 4 + [1] * 13
    assert [g.stg_scale for g in made] == [0] + [0] * 2 + [4] * 11 + [2] * 5 + [1] * 8
    assert [g.rescale for g in made] == [0] * 3 + [0.5] * 7 + [0] * 17
    assert made[0] == OFF
    assert made[3].stg_blocks == (22, 35, 39)
    assert {g.stg_blocks for g in made[5:]} == {(28,)}


def test_what_a_request_gives_holds_in_every_step():
    made = steps(Guidance(3.0, 4.0, (28,), 0.5, 1.0), guidance_scale=3.0)
    assert {g.guidance_scale for g in made} == {3.0}
    assert {g.stg_scale for g in made} == {0.0, 1.0, 2.0, 4.0}
    made = steps(Guidance(8.0, 2.0, (5,), 0.5, 1.0), stg_scale=2.0, stg_blocks=[5])
    assert {(g.stg_scale, g.stg_blocks) for g in made} == {(2.0, (5,))}


def test_steps_whose_blocks_are_empty_take_the_rows_where_stg_is_asked_for():
    made = steps(Guidance(8.0, 2.0, (28,), 0.5, 1.0), stg_scale=2.0)
    assert made[0].stg_blocks == (28,)


def test_all_terms_given_is_the_plans_own_guidance():
    given = {"guidance_scale": 3.0, "stg_scale": 0.0, "guidance_rescale": 0.0}
    assert steps(Guidance(3.0, 0.0, (), 0.0, 1.0), **given) == ()


def test_other_models_have_none():
    other = CATALOG.model("ltxv-2b-0.9.5")
    assert guidance_on_the_way(asked(), other, (1.0, 0.5), MOST) == ()
    assert guidance_on_the_way(asked(), DEV, None, MOST) == ()


def test_the_plan_has_them_in_its_first_pass():
    made = plan(asked(), CATALOG)
    first, second = made.passes
    assert (len(first.guidances), first.steps, second.steps) == (27, 27, 13)
    assert second.guidances == ()
    assert second.sigmas is not None
    assert second.sigmas[0] == 0.95477778
    assert made.guidance == MOST
    assert made.negative_prompt
    half = plan(asked(num_inference_steps=9), CATALOG).passes[0]
    assert (half.steps, len(half.guidances)) == (9, 9)


def test_a_video_that_is_made_over_starts_late_in_the_table():
    way = {"source": "x.mp4", "strength": 0.5}
    first = plan(asked(video_to_video=way), CATALOG).passes[0]
    assert {g.guidance_scale for g in first.guidances} == {1.0}
    assert {g.stg_scale for g in first.guidances} == {1.0}
