"""A worker process seen from outside: its end, its last words, its surroundings."""

import os
import signal

import pytest

from ltxserve.pool.base import WorkerSpec
from ltxserve.pool.process import Process, _environment
from tests.contracts import entries
from tests.contracts.pools import until

SPEC = WorkerSpec(entries.NAME)


def ready(process: Process) -> None:
    until(lambda: (process.hear(0.1) or {}).get("say") == "ready")


def order(act: str, **payload: object) -> dict:
    return {"do": {"job_id": "j", "attempt": 1, "payload": {"act": act, **payload}}}


def test_what_it_said_before_it_was_killed_is_not_lost():
    process = Process(SPEC, "cpu", beat=30)
    ready(process)
    process.send(order("echo"))
    process.send(order("die"))
    until(lambda: not process.alive)
    assert [line["say"] for line in process.kill()] == ["succeeded"]
    assert "SIGKILL" in process.obituary().message


def test_an_end_of_its_own_is_told_by_its_code():
    process = Process(SPEC, "cpu", beat=30)
    ready(process)
    process.send(order("leave"))
    until(lambda: not process.alive)
    process.kill()
    assert process.obituary().message == "The worker ended with code 3."
    assert process.obituary().code == "worker_lost"


def test_what_it_started_dies_with_it():
    process = Process(SPEC, "cpu", beat=30)
    ready(process)
    process.send(order("breed"))
    child = until(lambda: (process.hear(0.1) or {}).get("update", {}).get("child"))
    process.kill()

    def gone() -> bool:
        try:
            os.kill(child, 0)
        except ProcessLookupError:
            return True
        with open(f"/proc/{child}/stat") as stat:  # nobody has collected it yet
            return stat.read().rpartition(")")[2].split()[0] == "Z"

    assert until(gone)


def test_let_go_it_ends_by_itself():
    process = Process(SPEC, "cpu", beat=30)
    ready(process)
    process.let_go(30)
    assert not process.alive
    assert process.kill() == []
    assert process.obituary().message == "The worker ended with code 0."


def test_hearing_nothing_is_none():
    process = Process(SPEC, "cpu", beat=30)
    ready(process)
    os.kill(process.pid, signal.SIGSTOP)
    assert process.hear(0.01) is None
    process.kill()


@pytest.mark.parametrize(
    ("device", "seen"), [("cpu", ""), ("cuda:1", "1"), ("cuda:GPU-a", "GPU-a"), ("mps", "7")]
)
def test_a_worker_sees_its_own_gpu_only(monkeypatch: pytest.MonkeyPatch, device: str, seen: str):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "7")
    assert _environment(device)["CUDA_VISIBLE_DEVICES"] == seen


def test_a_spare_says_nothing_before_it_is_let_go():
    process = Process(SPEC, "cpu", beat=0.05, wait=True)
    assert process.hear(1.0) is None
    process.go()
    ready(process)
    process.kill()
