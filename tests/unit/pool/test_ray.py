"""A pool of desks: found again by the next pool, and what a lost one costs."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from ltxserve.pool.base import NoFreeSlot, PoolUnavailable, Work, WorkerSpec
from ltxserve.pool.ray import RayPool
from ltxserve.pool.ray_seats import Address, Rhythm
from tests.contracts import entries
from tests.contracts.desks import Cluster
from tests.contracts.pools import BRISK, Bench, until

LASTING = {"count": 2000, "pause": 0.02}


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def cluster(stack: ExitStack) -> Cluster:
    cluster = Cluster()
    stack.callback(cluster.close)
    return cluster


def pool_on(
    cluster: Cluster, stack: ExitStack, rhythm: Rhythm | None = None, **config: Any
) -> Bench:
    spec = WorkerSpec(entries.NAME, json.dumps(config), ("cpu",), spare=False)
    pool = RayPool(Address("here"), spec, BRISK, cluster, rhythm)
    stack.callback(pool.close)
    return Bench(pool)


def actor(cluster: Cluster) -> Any:
    (found,) = [one for one in cluster.actors.values() if not one.dead]
    return found


def test_the_next_pool_finds_running_and_ended_work(cluster: Cluster, stack: ExitStack):
    first = pool_on(cluster, stack)
    first.start("ended", "echo", value=1)
    first.end("ended")
    first.start("running", "steps", count=40, pause=0.05)
    pid = first.update("running")
    first.pool.close()
    second = pool_on(cluster, stack)
    until(lambda: second.pool.slots()[0].state == "busy")
    assert second.end("ended").state == "succeeded"
    assert second.update("running") == pid
    second.start("running", "die", attempt=1)  # as idempotent as in the first
    assert second.end("running").result == {"steps": 40}


def test_before_it_has_heard_of_all_it_does_not_call_work_unknown(
    cluster: Cluster, stack: ExitStack
):
    cluster.away = True
    bench = pool_on(cluster, stack)
    with pytest.raises(PoolUnavailable):
        bench.pool.poll("job")
    with pytest.raises(PoolUnavailable):
        bench.pool.start(Work("job", 1, {"act": "echo"}))
    until(lambda: bench.pool.slots()[0].state == "broken")
    cluster.away = False
    bench.ready()
    assert bench.pool.poll("job").state == "unknown"


def test_work_goes_on_while_the_cluster_does_not_answer(cluster: Cluster, stack: ExitStack):
    bench = pool_on(cluster, stack)
    bench.start("job", "steps", count=60, pause=0.05)
    bench.update("job")
    cluster.away = True
    until(lambda: bench.pool.slots()[0].state == "broken")
    bench.pool.cancel("another")
    assert bench.pool.poll("job").state == "running"
    cluster.away = False
    assert bench.end("job").result == {"steps": 60}
    assert cluster.connections == 2


def test_a_desk_that_is_started_again_has_lost_its_work(cluster: Cluster, stack: ExitStack):
    bench = pool_on(cluster, stack)
    bench.start("job", "steps", **LASTING)
    bench.update("job")
    (name,) = cluster.names()
    cluster.kill(name, again=True)
    report = bench.end("job")
    assert report.state == "lost"
    assert report.error is not None
    assert report.error["code"] == "worker_lost"
    bench.start("job", "echo", attempt=2)
    assert bench.end("job").state == "succeeded"


def test_a_dead_desk_is_made_anew(cluster: Cluster, stack: ExitStack):
    bench = pool_on(cluster, stack)
    bench.start("job", "steps", **LASTING)
    bench.update("job")
    (name,) = cluster.names()
    cluster.kill(name, again=False)
    assert bench.end("job").state == "lost"
    bench.start("next", "echo")
    assert bench.end("next").state == "succeeded"


def test_a_desk_that_comes_back_drops_what_was_given_up(cluster: Cluster, stack: ExitStack):
    bench = pool_on(cluster, stack, Rhythm(away=0.5))
    bench.start("job", "steps", **LASTING)
    bench.update("job")
    desk = actor(cluster)
    desk.away = True
    assert bench.end("job").state == "lost"
    with pytest.raises(NoFreeSlot):
        bench.pool.start(Work("job", 2, {"act": "echo"}))
    desk.away = False
    bench.start("job", "echo", attempt=2)
    assert bench.end("job").state == "succeeded"


def test_a_desk_that_says_nothing_is_ended(cluster: Cluster, stack: ExitStack):
    bench = pool_on(cluster, stack, Rhythm(answer=1.5))
    bench.start("job", "steps", **LASTING)
    pid = bench.update("job")
    actor(cluster).hang()
    assert bench.end("job").state == "lost"
    bench.start("job", "echo", attempt=2)
    result = bench.end("job").result
    assert result is not None
    assert result["pid"] != pid


def test_workers_of_another_configuration_are_replaced(cluster: Cluster, stack: ExitStack):
    old = pool_on(cluster, stack, model="old")
    old.ready()
    before = cluster.names()
    old.pool.close()
    new = pool_on(cluster, stack, model="new")
    new.ready()
    assert len(cluster.names()) == 1
    assert not before & cluster.names()


def test_one_worker_per_gpu_of_the_cluster_and_more_when_it_grows(
    cluster: Cluster, stack: ExitStack
):
    cluster.gpu_count = 1
    spec = WorkerSpec(entries.NAME, spare=False)
    pool = RayPool(Address("here"), spec, BRISK, cluster, Rhythm(recount=0.1))
    stack.callback(pool.close)
    until(lambda: [slot.state for slot in pool.slots()] == ["ready"])
    assert pool.slots()[0].device == "gpu"
    cluster.gpu_count = 2
    until(lambda: [slot.state for slot in pool.slots()] == ["ready", "ready"])


def test_dismissed_workers_are_gone(cluster: Cluster, stack: ExitStack):
    bench = pool_on(cluster, stack)
    bench.ready()
    assert isinstance(bench.pool, RayPool)
    bench.pool.dismiss()
    assert cluster.names() == set()
