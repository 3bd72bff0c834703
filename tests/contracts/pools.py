"""How contract tests get pools and wait for what they do; one maker per implementation."""

from __future__ import annotations

import atexit
import json
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol, TypeVar

import pytest

from ltxserve.db.ids import new_id
from ltxserve.pool.base import (
    GpuPool,
    NoFreeSlot,
    Patience,
    PoolUnavailable,
    Report,
    Work,
    WorkerSpec,
)
from ltxserve.pool.create import create_pool
from ltxserve.pool.ray import RayPool
from ltxserve.pool.ray_cluster import Cluster as Connection
from ltxserve.pool.ray_seats import Address
from tests.contracts import entries
from tests.contracts.desks import Cluster
from tests.contracts.rays import RayNodes, ray_nodes
from tests.contracts.runpod import KEY, RunPodServer

T = TypeVar("T")

LONG = 60.0
"""Seconds after which something that should have happened has not."""
BRISK = Patience(beat=0.2, silence=20.0, start=LONG, grace=1.0)
"""Quick, except to call a worker lost: a busy machine may stop one for seconds."""


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
            except (NoFreeSlot, PoolUnavailable):  # a remote pool is reached a little later
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
SHARP = replace(BRISK, silence=2.0)
"""For tests of silence itself."""


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


def desks(stack: ExitStack) -> Maker:
    """Makes pools as on Ray, of desks in this process, closed with the stack."""

    def make(patience: Patience = BRISK, slots: int = 1, /, **config: str) -> GpuPool:
        cluster = Cluster()
        stack.callback(cluster.close)
        spec = WorkerSpec(entries.NAME, json.dumps(config), ("cpu",) * slots)
        return RayPool(Address("here"), spec, patience, cluster)

    return make


def on_ray(stack: ExitStack) -> Maker:
    """Makes pools on one real cluster, each in a namespace of its own, dismissed with the stack."""
    if find_spec("ray") is None:  # not imported here: it reads the cluster's token when it is
        pytest.skip("Ray is not installed")
    nodes = cluster()

    def make(patience: Patience = BRISK, slots: int = 1, /, **config: str) -> GpuPool:
        spec = WorkerSpec(entries.NAME, json.dumps(config), ("cpu",) * slots)
        url = f"{nodes.url}?namespace={new_id()}"
        pool = create_pool(url, spec, patience)
        assert isinstance(pool, RayPool)
        stack.callback(pool.dismiss)
        return pool

    return make


def connected(connection: Connection) -> bool:
    """Whether there is one now; on a busy machine Ray's client server may fail the first."""
    try:
        connection.connect()
    except PoolUnavailable:
        connection.disconnect(for_all=True)
        return False
    return True


@cache
def cluster() -> RayNodes:
    """One for all tests of this process, gone with it."""
    stack = ExitStack()
    atexit.register(stack.close)
    folder = Path(stack.enter_context(TemporaryDirectory(prefix="nodes-")))
    nodes = stack.enter_context(ray_nodes(folder))
    # A connection takes seconds: one for all pools, until the cluster goes.
    connection = Connection(Address.of(nodes.url))
    until(lambda: connected(connection), 120)
    stack.callback(connection.disconnect)
    return nodes
