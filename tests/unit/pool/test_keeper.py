"""One kept slot: what it shows while its worker starts, works, breaks and comes back."""

import os
import signal
import time
from collections.abc import Iterator
from itertools import count

import psutil
import pytest

from ltxserve.pool.base import Work, WorkerSpec
from ltxserve.pool.keeper import TICK, Keeper, Silence
from ltxserve.pool.records import Records
from tests.contracts import entries
from tests.contracts.pools import BRISK, until


@pytest.fixture
def records() -> Records:
    return Records(time.monotonic, keep=60)


@pytest.fixture
def others() -> set[int]:
    """Workers that other tests of this process keep."""
    return workers()


@pytest.fixture
def keeper(others: set[int], records: Records) -> Iterator[Keeper]:
    keeper = Keeper("gpu", "cpu", WorkerSpec(entries.NAME), BRISK, records)
    yield keeper
    keeper.close()
    keeper.join()


def work(act: str, **payload: object) -> Work:
    return Work("job", 1, {"act": act, **payload})


def test_it_takes_nothing_before_it_is_ready(keeper: Keeper, records: Records):
    assert keeper.slot().state == "starting"
    assert keeper.take(work("echo")) is False
    assert records.attempt("job") == 0
    until(lambda: keeper.slot().state == "ready")
    assert keeper.take(work("echo")) is True
    assert until(lambda: records.report("job").state == "succeeded")


def test_it_forgets_what_its_last_worker_held(keeper: Keeper, records: Records):
    until(lambda: keeper.take(work("hold", model="tiny")))
    until(lambda: records.report("job").state == "succeeded")
    assert keeper.slot().model == "tiny"
    result = records.report("job").result
    assert result is not None
    os.kill(result["pid"], signal.SIGKILL)
    assert until(lambda: keeper.slot().model == "")
    assert until(lambda: keeper.slot().state == "ready")


def test_a_job_of_another_slot_is_left_alone(keeper: Keeper, records: Records):
    until(lambda: keeper.take(work("steps", count=3, pause=0.01)))
    keeper.cancel("other")
    keeper.drop("other")
    until(lambda: records.report("job").state != "running")
    assert records.report("job").state == "succeeded"


def test_it_can_be_closed_while_its_worker_cannot_start(records: Records):
    keeper = Keeper("gpu", "cpu", WorkerSpec("no_such_module:entry"), BRISK, records)
    until(lambda: keeper.slot().state == "broken")
    assert "no_such_module" in keeper.slot().message
    keeper.close()
    keeper.join()


def test_silence_is_counted_in_looks_and_a_nap_of_the_observer_is_one_look():
    silence = Silence(100.0)
    for number in range(1, 6):
        silence.look(100.0 + number * TICK, heard=False)
    assert silence.seconds == pytest.approx(5 * TICK)
    silence.look(5000.0, heard=False)  # stopped for more than an hour
    assert silence.seconds == pytest.approx(7 * TICK)
    silence.look(5000.0 + TICK, heard=True)
    assert silence.seconds == 0


def test_a_spare_takes_over_where_there_is_one(others: set[int], keeper: Keeper, records: Records):
    until(lambda: keeper.take(work("echo")))
    until(lambda: records.report("job").state == "succeeded")
    first = (records.report("job").result or {})["pid"]
    waiting = until(lambda: workers() - others - {first})
    os.kill(first, signal.SIGKILL)
    assert echoed_again(keeper, records) in waiting


def test_a_spare_that_died_is_no_obstacle(others: set[int], keeper: Keeper, records: Records):
    until(lambda: keeper.take(work("echo")))
    until(lambda: records.report("job").state == "succeeded")
    first = (records.report("job").result or {})["pid"]
    dead = {*until(lambda: workers() - others - {first}), first}
    for pid in dead:
        os.kill(pid, signal.SIGKILL)
    assert echoed_again(keeper, records) not in dead


def echoed_again(keeper: Keeper, records: Records) -> int:
    """The process that did the job at last: one that dies may still take it, and lose it."""
    for attempt in count(2):
        until(lambda attempt=attempt: keeper.take(Work("job", attempt, {"act": "echo"})))
        until(lambda: records.report("job").state != "running")
        report = records.report("job")
        if report.state == "succeeded":
            return (report.result or {})["pid"]
        assert report.state == "lost"
    raise AssertionError


def workers() -> set[int]:
    """Worker processes of this test that are alive; libraries keep children of their own."""
    children = psutil.Process().children()
    return {child.pid for child in children if is_worker(child)}


def is_worker(process: psutil.Process) -> bool:
    try:
        return "ltxserve.pool.worker" in process.cmdline()
    except psutil.Error:  # gone, or a zombie
        return False
