"""Chooses the way that a plan goes and reads what it is made from; runs nothing."""

from __future__ import annotations

from ltxserve.engine.plan import Plan
from ltxserve.engine.ways.base import Way
from ltxserve.engine.ways.direct import open_direct
from ltxserve.engine.ways.extension import open_extension
from ltxserve.engine.ways.retake import open_retake


def open_way(plan: Plan) -> Way:
    """The way of a plan, its sources read. Raises MediaError."""
    if plan.extend is not None:
        return open_extension(plan, plan.extend)
    if plan.retake is not None:
        return open_retake(plan, plan.retake)
    return open_direct(plan)


def sources(plan: Plan) -> int:
    """How many sources `open_way` reads."""
    parts = (plan.video_to_video, plan.retake, plan.extend, plan.sound)
    return sum(part is not None for part in parts)
