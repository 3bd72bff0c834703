"""Seconds by stage of a run, one stage at a time; it knows no stage by name."""

from __future__ import annotations

import time
from collections.abc import Callable


class Stopwatch:
    """Adds up seconds by stage; entering a stage leaves the one before it.

    clock: a function that returns seconds and never goes back; tests pass one of their own.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self.seconds: dict[str, float] = {}
        self._clock = clock
        self._stage: str | None = None
        self._since = 0.0

    def enter(self, stage: str | None) -> None:
        """From now on time belongs to `stage`; None = to no stage."""
        now = self._clock()
        if self._stage is not None:
            self.seconds[self._stage] = self.seconds.get(self._stage, 0.0) + now - self._since
        self._stage, self._since = stage, now
