"""A request becomes a plan: pure, complete, and refused with every reason at once."""

from ltxserve.engine.conditioning import PlannedCondition
from ltxserve.engine.loras import PlannedLora
from ltxserve.engine.plan.build import plan
from ltxserve.engine.plan.judge import read_request
from ltxserve.engine.plan.memory import estimate_default
from ltxserve.engine.plan.nouns import (
    Guidance,
    MemoryEstimate,
    Plan,
    PlannedControl,
    PlannedExtend,
    PlannedRetake,
    PlannedSound,
    PlannedVideoToVideo,
    Segment,
    Stage,
)
from ltxserve.engine.plan.parse import parse_request

__all__ = [
    "Guidance",
    "MemoryEstimate",
    "Plan",
    "PlannedCondition",
    "PlannedControl",
    "PlannedExtend",
    "PlannedLora",
    "PlannedRetake",
    "PlannedSound",
    "PlannedVideoToVideo",
    "Segment",
    "Stage",
    "estimate_default",
    "parse_request",
    "plan",
    "read_request",
]
