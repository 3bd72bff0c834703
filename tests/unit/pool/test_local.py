"""Processes of this machine: they never outlive their pool, and its own naps do them no harm."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ltxserve.pool.base import NoFreeSlot, Patience, Work, WorkerSpec
from ltxserve.pool.local import LocalPool
from tests.contracts import entries
from tests.contracts.pools import until
from tests.guards.tree import ROOT

HOST = f"""
import json, sys, time
from ltxserve.pool.base import NoFreeSlot, Patience, Work, WorkerSpec
from ltxserve.pool.local import LocalPool
pool = LocalPool(WorkerSpec({entries.NAME!r}, devices=("cpu",)), Patience(0.1, 5.0, 60.0, 5.0))
while True:
    try:
        pool.start(Work("job", 1, json.loads(sys.argv[1])))
        break
    except NoFreeSlot:
        time.sleep(0.02)
after = 0
while True:
    report = pool.poll("job", after)
    after = report.next
    for update in report.updates:
        print(json.dumps({{"state": report.state, **update}}), flush=True)
    if report.state != "running":
        print(json.dumps({{"state": report.state}}), flush=True)
        break
    time.sleep(0.02)
pool.close()
"""


@pytest.fixture
def host(request: pytest.FixtureRequest) -> Iterator[subprocess.Popen]:
    """A process that owns a pool and prints what it hears of one job."""
    command = [sys.executable, "-c", HOST, json.dumps(request.param)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def hear(process: subprocess.Popen) -> dict:
    assert process.stdout is not None
    return json.loads(process.stdout.readline())


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("host", [{"act": "deaf"}], indirect=True)
def test_workers_die_with_their_parent_at_once(host: subprocess.Popen):
    pid = hear(host)["pid"]
    host.kill()
    host.wait()
    assert until(lambda: not alive(pid))


@pytest.mark.parametrize("host", [{"act": "steps", "count": 80, "pause": 0.1}], indirect=True)
def test_a_nap_of_the_pool_is_not_the_silence_of_its_workers(host: subprocess.Popen):
    worker = hear(host)["pid"]
    os.kill(host.pid, signal.SIGSTOP)
    with pytest.raises(subprocess.TimeoutExpired):
        host.wait(6)  # more than the silence after which a worker counts as dead
    os.kill(host.pid, signal.SIGCONT)
    last = hear(host)
    while "step" in last:
        assert last["pid"] == worker
        last = hear(host)
    assert last["state"] == "succeeded"


def test_without_gpus_there_is_one_slot_on_the_cpu(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    pool = LocalPool(WorkerSpec(entries.NAME), Patience())
    assert [(slot.name, slot.device) for slot in pool.slots()] == [("local-0", "cpu")]
    pool.close()


def test_every_gpu_has_a_slot_that_sees_it_alone(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5")
    pool = LocalPool(WorkerSpec(entries.NAME), Patience())
    assert [slot.device for slot in pool.slots()] == ["cuda:4", "cuda:5"]
    until(lambda: all(slot.state == "ready" for slot in pool.slots()))
    pool.start(Work("first", 1, {"act": "sight"}))
    pool.start(Work("second", 1, {"act": "sight"}))
    until(lambda: all(pool.poll(job).result for job in ("first", "second")))
    seen = {pool.poll(job).worker: pool.poll(job).result for job in ("first", "second")}
    assert seen in (
        {"local-0": {"sees": "4"}, "local-1": {"sees": "5"}},
        {"local-0": {"sees": "4"}},  # the first one was free again
    )
    pool.close()


def test_a_closed_pool_can_be_closed_again(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    pool = LocalPool(WorkerSpec(entries.NAME), Patience())
    with pytest.raises(NoFreeSlot):
        pool.start(Work("j", 1, {"act": "echo"}))
    pool.close()
    pool.close()
    assert pool.poll("j").state == "unknown"
