"""Guidance that changes on the way: the terms of every step, of the row's schedule and the request.

Knows sigmas, not how they came about.
"""

from __future__ import annotations

from collections.abc import Sequence

from ltxserve.catalog import ModelSpec
from ltxserve.catalog.spec import GuidanceSchedule, GuidanceTerms
from ltxserve.engine.plan.nouns import Guidance
from ltxserve.engine.plan.sampling import guidance_of
from ltxserve.types import GenerationRequest


def guidance_on_the_way(
    request: GenerationRequest, spec: ModelSpec, sigmas: Sequence[float] | None, most: Guidance
) -> tuple[Guidance, ...]:
    """The terms of each step; () where it is `most`, the plan's, in all of them.

    A term that the request gives holds in every step; the others are the schedule's.
    """
    schedule = spec.sampling.schedule
    if schedule is None or not sigmas:
        return ()
    found = tuple(_step(request, schedule, entry(schedule, sigma), most) for sigma in sigmas)
    return () if set(found) == {most} else found


def entry(schedule: GuidanceSchedule, sigma: float) -> int:
    """The schedule's entry for a step that begins at this sigma."""
    reached = (number for number, low in enumerate(schedule.switch) if low <= sigma)
    return next(reached, len(schedule.switch) - 1)


def _step(
    request: GenerationRequest, schedule: GuidanceSchedule, number: int, most: Guidance
) -> Guidance:
    own = GuidanceTerms(
        schedule.scale[number] if request.guidance_scale is None else most.guidance_scale,
        schedule.stg[number] if request.stg_scale is None else most.stg_scale,
        schedule.rescale[number] if request.guidance_rescale is None else most.rescale,
    )
    blocks = schedule.blocks[number] if request.stg_blocks is None else request.stg_blocks
    return guidance_of(own, blocks or most.stg_blocks)
