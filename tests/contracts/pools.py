"""How contract tests get pools and wait for what they do; one maker per implementation."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

from ltxserve.pool.base import GpuPool, NoFreeSlot, Patience, Report, Work, WorkerSpec
from ltxserve.pool.create import create_pool
from tests.contracts import entries
from tests.contracts.runpod import KEY, RunPodServer

T = TypeVar("T")

LONG = 60.0
"""Seconds after which something that should have happened has not."""
BRISK = Patience(beat=0.2, silence=2.0, start=30.0, grace=1.0)


def until(look: Callable[[], T], seconds: float = LONG) -> T:
    """What `look` answers, once that is true."""
    end = time.monotonic() + seconds
    while not (seen := look()):
        assert time.monotonic() < end, f"still {seen!r} after {seconds:g} s"
        time.sleep(0.01)
    return seen


@dataclass(frozen=True)
class Bench:
    """A pool in a test, with shorthands; jobs are numbered by the test."""

    pool: GpuPool

    def ready(self, count: int = 1) -> None:
        """Wait until so many slots are free."""
        until(lambda: sum(s.state == "ready" for s in self.pool.slots()) >= count)

    def start(self, job: str, act: str, attempt: int = 1, **payload: Any) -> None:
        """Start work as soon as a slot is free."""
        work = Work(job, attempt, {"act": act, **payload})

        def started() -> bool:
            try:
                self.pool.start(work)
            except NoFreeSlot:
                return False
            return True

        until(started)

    def update(self, job: str, key: str = "pid") -> Any:
        """The value of a key in an update, once there is one."""
        return until(
            lambda: [u[key] for u in self.pool.poll(job).updates if key in u], seconds=LONG
        )[-1]

    def end(self, job: str, seconds: float = LONG) -> Report:
        """The report of the end."""

        def ended() -> Report | None:
            report = self.pool.poll(job)
            return None if report.state == "running" else report

        report = until(ended, seconds)
        assert report is not None
        return report


class Maker(Protocol):
    """Makes a pool of `slots` workers; config: options of `entries.create`."""

    def __call__(self, patience: Patience = BRISK, slots: int = 1, /, **config: str) -> GpuPool: ...


PATIENT = replace(BRISK, grace=LONG)


def local(patience: Patience = BRISK, slots: int = 1, /, **config: str) -> GpuPool:
    """A pool of processes."""
    spec = WorkerSpec(entries.NAME, json.dumps(config), ("cpu",) * slots)
    return create_pool("local", spec, patience)


def runpod(stack: ExitStack) -> Maker:
    """Makes pools at servers that behave like RunPod, closed with the stack."""

    def make(patience: Patience = BRISK, slots: int = 1, /, **config: str) -> GpuPool:
        server = stack.enter_context(RunPodServer(local(patience, slots, **config)))
        url = f"{server.url}&slots={slots}&updates=stream"
        return create_pool(url, WorkerSpec(entries.NAME), patience, KEY)

    return make
