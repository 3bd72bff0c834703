"""Runs steps at the same time, for tests of what must not go wrong then."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any


def together(steps: Sequence[Callable[[], Any]]) -> list[Any]:
    """Start all steps at once, each in a thread; what they return, or the first exception."""
    gate = Barrier(len(steps))

    def run(step: Callable[[], Any]) -> Any:
        gate.wait()
        return step()

    with ThreadPoolExecutor(len(steps)) as pool:
        return [running.result() for running in [pool.submit(run, step) for step in steps]]
