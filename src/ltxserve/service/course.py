"""What a run tells and how far it is: percent and time left from a plan's stages; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_WEIGHTS: Mapping[str, float] = {
    # Rough shares of a run's time per step, the same for all models: a bar that moves honestly
    # matters more than one that is exact. Loading happens before, and is no stage of a plan.
    "enhance_prompt": 12.0,
    "choose_length": 1.0,
    "encode_prompt": 3.0,
    "encode_conditions": 3.0,
    "denoise": 4.0,
    "upscale_spatial": 4.0,
    "upscale_temporal": 4.0,
    "decode_video": 12.0,
    "decode_audio": 2.0,
    "encode_file": 3.0,
}
_PER_STEP = ("denoise",)
_LEAST = 0.05
"""Share of a run before which nothing is said about the time left."""
_SOONEST = 0.5
"""Seconds of a run before which nothing is said either: the first update comes at once."""


@dataclass(frozen=True)
class Course:
    """The stages of a run in order, each with its share of the whole (they sum to 1)."""

    stages: tuple[tuple[str, float], ...]

    @classmethod
    def of(cls, plan: Mapping[str, Any] | None) -> Course:
        """The course of a plan, as plain data; an empty one for no plan."""
        weights = [_weight(stage) for stage in (plan or {}).get("stages", ())]
        total = sum(weight for _, weight in weights) or 1.0
        return cls(tuple((kind, weight / total) for kind, weight in weights))

    def share(self, stage: str, step: float, of: float) -> float:
        """How much of the whole is done at a step of a stage, 0 to 1; unknown stages say 0.

        A stage that comes twice (two passes) is taken for its first: a bar may wait, not jump back.
        """
        done = 0.0
        for kind, weight in self.stages:
            if kind == stage:
                return min(1.0, done + weight * min(1.0, step / of if of > 0 else 0.0))
            done += weight
        return 0.0


def progress_of(
    course: Course, updates: Sequence[Mapping[str, Any]], before: Mapping[str, Any], seconds: float
) -> dict[str, Any] | None:
    """The newest progress after some updates, or None when they hold none.

    before: the progress until now, so that percent never falls. seconds: since the first update.
    """
    told = [update for update in updates if "stage" in update]
    if not told:
        return None
    last = told[-1]
    stage, step, of = str(last["stage"]), last.get("step", 0), last.get("of", 0)
    share = max(course.share(stage, step, of), float(before.get("percent", 0)) / 100)
    is_known = share > _LEAST and seconds >= _SOONEST
    left = seconds * (1 - share) / share if is_known else None
    return {
        "stage": stage,
        "step": step,
        "of": of,
        "percent": round(share * 100, 1),
        "eta_seconds": None if left is None else round(left, 1),
    }


def _weight(stage: Mapping[str, Any]) -> tuple[str, float]:
    kind = str(stage["kind"])
    times = max(1, int(stage.get("steps") or 1)) if kind in _PER_STEP else 1
    return kind, _WEIGHTS.get(kind, 1.0) * times
