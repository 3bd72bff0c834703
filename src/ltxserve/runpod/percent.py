"""Says how far a job is, over all of its clips, from what the engine tells of one of them."""

from __future__ import annotations

from ltxserve.engine.plan import Plan
from ltxserve.pool.base import Tell
from ltxserve.progress import Progress
from ltxserve.service.course import Course

MOST = 99.0
"""Percent until the answer is there: storing comes after the last stage."""


class Percent:
    """An observer that tells stage, step and percent, which never falls.

    plan: of the clip, None = its only stage is the whole. number: of the clip, from 0. of: clips.
    """

    def __init__(self, tell: Tell, plan: Plan | None = None, number: int = 0, of: int = 1) -> None:
        self._tell = tell
        self._course = Course.of(plan.to_dict() if plan is not None else None)
        self._clip = {"clip": number + 1, "clips": of} if of > 1 else {}
        self._number, self._of = number, of
        self._reached = 0.0

    def __call__(self, progress: Progress) -> None:
        """See Observer."""
        if self._course.stages:
            share = self._course.share(progress.stage, progress.step, progress.of)
        else:
            share = progress.fraction
        if progress.stage != "load":
            self._reached = max(self._reached, min(1.0, share))
        percent = round(MOST * (self._number + self._reached) / self._of, 1)
        said = {"stage": progress.stage, "step": progress.step, "of": progress.of}
        self._tell({**said, "percent": percent, **self._clip})
