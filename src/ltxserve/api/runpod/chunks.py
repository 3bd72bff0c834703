"""Remembers which events of a job a `stream` has handed out; knows no route.

In this process only: another replica may hand a chunk out again, which clients survive.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence

from ltxserve.jobs.events import Event

KEPT = 10_000


class Chunks:
    """The last event of each job that was handed out; of very many, the oldest are forgotten."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._lock = threading.Lock()
        self._last: OrderedDict[str, int] = OrderedDict()

    def fresh(self, job_id: str, read: Callable[[int], Sequence[Event]]) -> Sequence[Event]:
        """Events that nobody was given yet; two calls at once never get the same one."""
        with self._lock:
            after = self._last.get(job_id, 0)
        events = read(after)
        with self._lock:
            seen = max(after, self._last.get(job_id, 0))
            events = [event for event in events if event.seq > seen]
            if events:
                self._last[job_id] = events[-1].seq
                self._last.move_to_end(job_id)
            while len(self._last) > self._kept:
                self._last.popitem(last=False)
        return events
