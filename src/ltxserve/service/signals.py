"""Tells listeners in this process that a job has changed; what changed is in the database.

A hint, never the truth: other processes' changes are not heard here, so listeners also look by
themselves now and then.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Listener = Callable[[], None]


class Signals:
    """Listeners by topic (a job id). Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: dict[str, list[Listener]] = {}

    def notify(self, *topics: str | None) -> None:
        """Call what listens to the topics; listeners must be quick and must not raise."""
        with self._lock:
            found = [call for topic in topics for call in self._listeners.get(topic or "", ())]
        for call in found:
            call()

    def listen(self, topic: str, listener: Listener) -> Listener:
        """Call `listener`, in any thread, at each change; returns what ends that."""
        with self._lock:
            self._listeners.setdefault(topic, []).append(listener)

        def stop() -> None:
            with self._lock:
                kept = [one for one in self._listeners.get(topic, ()) if one is not listener]
                self._listeners[topic] = kept
                if not kept:
                    del self._listeners[topic]

        return stop

    @contextmanager
    def waking(self, topic: str) -> Iterator[threading.Event]:
        """An event that is set at each change, for a thread that waits."""
        event = threading.Event()
        stop = self.listen(topic, event.set)
        try:
            yield event
        finally:
            stop()
