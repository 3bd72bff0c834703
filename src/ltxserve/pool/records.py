"""What a pool remembers of each job's latest attempt; knows no process and no clock of its own."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from ltxserve.pool.base import UNKNOWN, Json, Report, WorkState

MOST_UPDATES = 256
"""Updates kept of one job; whoever polls once a second misses none."""
MOST_ENDED = 2000
"""Ended jobs kept, however young."""
UPDATES_AFTER_END = 60.0
"""Seconds after its end for which a job's updates are kept: they hold pictures."""


@dataclass
class _Record:
    attempt: int
    worker: str
    state: WorkState = "running"
    updates: deque[Json] = field(default_factory=lambda: deque(maxlen=MOST_UPDATES))
    count: int = 0
    result: Json | None = None
    error: Json | None = None
    ended: float | None = None

    def report(self, after: int) -> Report:
        fresh = min(len(self.updates), max(0, self.count - after))
        return Report(
            state=self.state,
            updates=tuple(self.updates)[len(self.updates) - fresh :],
            next=self.count,
            result=self.result,
            error=self.error,
            worker=self.worker,
            attempt=self.attempt,
        )


class Records:
    """Jobs by id; only the attempt that is current can change what is remembered.

    clock: seconds that never go back. keep: how long an end is remembered, in seconds.
    """

    def __init__(self, clock: Callable[[], float], keep: float) -> None:
        self._clock = clock
        self._keep = keep
        self._records: dict[str, _Record] = {}
        self._lock = threading.Lock()

    def begin(self, job_id: str, attempt: int, worker: str) -> None:
        """A worker has taken an attempt; what an earlier attempt left is forgotten."""
        with self._lock:
            self._tidy()
            self._records[job_id] = _Record(attempt, worker)

    def tell(self, job_id: str, attempt: int, update: Json) -> None:
        """An update of a running attempt; of any other, nothing happens."""
        with self._lock:
            record = self._running(job_id, attempt)
            if record is not None:
                record.updates.append(update)
                record.count += 1

    def end(
        self,
        job_id: str,
        attempt: int,
        state: WorkState,
        result: Json | None = None,
        error: Json | None = None,
    ) -> None:
        """The end of a running attempt; of any other, or after another end, nothing happens."""
        with self._lock:
            record = self._running(job_id, attempt)
            if record is not None:
                record.state, record.result, record.error = state, result, error
                record.ended = self._clock()

    def forget(self, job_id: str) -> None:
        """As if it had never begun."""
        with self._lock:
            self._records.pop(job_id, None)

    def report(self, job_id: str, after: int = 0) -> Report:
        """What is remembered, with the updates after the cursor."""
        with self._lock:
            record = self._records.get(job_id)
            return UNKNOWN if record is None else record.report(after)

    def known(self) -> dict[str, int]:
        """Every job that is remembered, with its attempt."""
        with self._lock:
            return {job_id: record.attempt for job_id, record in self._records.items()}

    def attempt(self, job_id: str) -> int:
        """The attempt that was begun last, 0 = none that is remembered."""
        with self._lock:
            record = self._records.get(job_id)
            return 0 if record is None else record.attempt

    def _running(self, job_id: str, attempt: int) -> _Record | None:
        record = self._records.get(job_id)
        if record is None or record.attempt != attempt or record.ended is not None:
            return None
        return record

    def _tidy(self) -> None:
        now = self._clock()
        ended = [(r.ended, job_id) for job_id, r in self._records.items() if r.ended is not None]
        surplus = len(ended) - MOST_ENDED
        for place, (at, job_id) in enumerate(sorted(ended)):
            if place < surplus or now - at > self._keep:
                del self._records[job_id]
            elif now - at > UPDATES_AFTER_END:
                self._records[job_id].updates.clear()
