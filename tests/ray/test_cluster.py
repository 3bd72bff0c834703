"""The service on two real Ray nodes: what a killed worker, orchestrator and node cost."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest

from ltxserve.accounts.accounts import Account
from ltxserve.app import App
from ltxserve.jobs.rows import Job
from ltxserve.jobs.states import JobState
from ltxserve.pool.base import PoolUnavailable, Work, WorkerSpec
from ltxserve.pool.create import create_pool
from ltxserve.pool.ray import RayPool
from tests.contracts import entries
from tests.contracts.rays import Node, RayNodes, ray_nodes
from tests.crash.books import check
from tests.crash.served import Served
from tests.diaries import attempts, worker_of
from tests.payers import CREDIT
from tests.services import submit, wait_for, wait_until

# Not imported here: Ray reads the cluster's token when it is.
pytestmark = [
    pytest.mark.ray,
    pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed"),
]
PROMPT = "steps=400 pause=0.02"


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[RayNodes]:
    with ray_nodes(tmp_path, cpus=1) as nodes:
        yield nodes


@pytest.fixture
def second(nodes: RayNodes) -> Node:
    return nodes.add(cpus=1)


def waits(since: float, what: str) -> float:
    seconds = time.monotonic() - since
    print(f"\n{what}: {seconds:.1f} s")  # noqa: T201 - a figure for benchmarks/RESULTS.md
    return seconds


def second_attempt(diary: Path, job: Job) -> None:
    wait_until(lambda: attempts(diary, job) == [1, 2], 60)


def test_a_worker_an_orchestrator_and_a_node_are_killed(
    nodes: RayNodes, second: Node, front: App, payer: Account, tmp_path: Path
) -> None:
    diary, jobs = tmp_path / "diary", []
    url = f"{nodes.url}?workers=2"
    with Served(tmp_path, front.settings.database, url) as served:
        served.wait_ready()

        job = submit(front, f"{PROMPT} diary={diary}", payer)
        pid = worker_of(diary, job)
        began = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        second_attempt(diary, job)
        waits(began, "worker killed, again under way after")
        jobs.append(job)

        job = submit(front, f"{PROMPT} diary={diary}", payer)
        pid = worker_of(diary, job)
        began = time.monotonic()
        served.kill()
        assert psutil.pid_exists(pid)
        served.start()
        served.wait_ready()
        waits(began, "orchestrator killed, back after")
        done = wait_for(front, job)
        assert (done.state, attempts(diary, job)) == (JobState.SUCCEEDED, [1]), "found again"
        jobs.append(job)
        assert wait_for(front, jobs[0]).state is JobState.SUCCEEDED

        there = {process.pid for process in second.processes()}
        pair = [submit(front, f"{PROMPT} diary={diary}", payer) for _ in range(2)]
        (hit,) = [one for one in pair if worker_of(diary, one) in there]
        began = time.monotonic()
        second.kill()
        second_attempt(diary, hit)
        seconds = waits(began, "node killed, again under way after")
        assert seconds < 60
        for one in pair:
            assert wait_for(front, one).state is JobState.SUCCEEDED
        jobs += pair

        job = submit(front, f"{PROMPT} diary={diary}", payer)
        worker_of(diary, job)
        front.generations.cancel(payer, job.id)
        assert wait_for(front, job).state is JobState.CANCELLED
        jobs.append(job)
    check(front, [one.id for one in jobs], {payer.id: CREDIT})


def test_a_cluster_that_goes_and_comes_back(nodes: RayNodes) -> None:
    pool = create_pool(f"{nodes.url}?workers=1", WorkerSpec(entries.NAME, devices=("cpu",)))
    assert isinstance(pool, RayPool)
    wait_until(lambda: pool.slots()[0].state == "ready", 60)
    nodes.head.kill()
    # Ray's client tries for half a minute before it says so, and longer on a busy machine.
    wait_until(lambda: pool.slots()[0].state == "broken", 180)
    assert pool.slots()[0].message
    with pytest.raises(PoolUnavailable):
        pool.start(Work("job", 1, {"act": "echo"}))
    nodes.start_head()
    wait_until(lambda: pool.slots()[0].state == "ready", 120)
    pool.start(Work("job", 1, {"act": "echo"}))
    wait_until(lambda: pool.poll("job").state == "succeeded", 60)
    pool.close()
