"""What every pool must do, on real workers: start once, tell all, stop, survive its workers."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from ltxserve.pool.base import NoFreeSlot, PoolUnavailable, Work
from tests.contracts.pools import (
    BRISK,
    LONG,
    PATIENT,
    SHARP,
    Bench,
    Maker,
    desks,
    local,
    on_ray,
    runpod,
    until,
)

MAKERS: dict[str, Callable[[ExitStack], Maker]] = {
    "local": lambda _: local,
    "runpod": runpod,
    "desks": desks,
    "ray": on_ray,
}
SLOW = {"ray": pytest.mark.ray}
"""Pools whose tests take minutes, and their marks."""
SEES_WORKERS = ("local", "desks", "ray")
"""Pools that see what each worker holds, and why one does not start."""
ENDS_WORKERS = ("local",)
"""Pools whose workers end with them."""


@pytest.fixture(params=[pytest.param(name, marks=SLOW.get(name, ())) for name in MAKERS])
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def maker(kind: str) -> Iterator[Maker]:
    with ExitStack() as stack:
        yield MAKERS[kind](stack)


@pytest.fixture
def bench(maker: Maker) -> Iterator[Bench]:
    pool = maker()
    bench = Bench(pool)
    bench.ready()
    yield bench
    pool.close()


def test_work_comes_back_with_its_result(bench: Bench):
    bench.start("job", "echo", value={"ö": [1, 2.5, None]})
    report = bench.end("job")
    assert report.state == "succeeded"
    assert report.result is not None
    assert report.result["value"] == {"ö": [1, 2.5, None]}
    assert (report.error, report.attempt) == (None, 1)
    assert report.worker in {slot.name for slot in bench.pool.slots()}


def test_a_job_that_was_never_started_is_unknown(bench: Bench):
    assert bench.pool.poll("nobody").state == "unknown"
    bench.pool.cancel("nobody")


def test_start_is_idempotent_while_it_runs_and_after_its_end(bench: Bench, tmp_path: Path):
    diary = str(tmp_path / "diary")
    for _ in range(3):
        bench.pool.start(
            Work("job", 1, {"act": "steps", "count": 3, "pause": 0.05, "diary": diary})
        )
    assert bench.end("job").state == "succeeded"
    bench.start("job", "steps", count=3, pause=0, diary=diary)
    assert bench.end("job").result == {"steps": 3}
    assert Path(diary).read_text().split() == ["0", "1", "2"]


def test_the_cursor_gives_every_update_once_and_in_order(bench: Bench):
    bench.start("job", "steps", count=20, pause=0.01)
    seen, after, state = [], 0, "running"
    while state == "running":
        report = bench.pool.poll("job", after)
        seen += [update["step"] for update in report.updates]
        after, state = report.next, report.state
    assert state == "succeeded"
    assert seen == list(range(20))
    again = bench.pool.poll("job", after)
    assert (again.updates, again.next) == ((), after)
    assert [u["step"] for u in bench.pool.poll("job", 17).updates] == [17, 18, 19]


def test_large_updates_arrive_whole(bench: Bench):
    bench.start("job", "pictures", count=40, bytes=200_000)
    assert bench.end("job").state == "succeeded"
    assert {len(u["preview"]) for u in bench.pool.poll("job").updates} == {200_000}


def test_a_busy_pool_takes_nothing_more(bench: Bench):
    bench.start("first", "steps", count=1000, pause=0.05)
    bench.update("first")
    with pytest.raises(NoFreeSlot) as refusal:
        bench.pool.start(Work("second", 1, {"act": "echo"}))
    assert refusal.value.code == "no_free_slot"
    assert bench.pool.poll("second").state == "unknown"
    (slot,) = bench.pool.slots()
    assert (slot.state, slot.busy_with) == ("busy", "first")


def test_cancel_stops_within_a_step_and_frees_the_slot(bench: Bench, tmp_path: Path):
    diary = tmp_path / "diary"
    bench.start("job", "steps", count=1000, pause=0.05, diary=str(diary))
    pid = bench.update("job")
    bench.pool.cancel("job")
    bench.pool.cancel("job")
    told = len(diary.read_text().split())
    report = bench.end("job")
    assert report.state == "failed"
    assert report.error is not None
    assert report.error["code"] == "cancelled"
    assert len(diary.read_text().split()) <= told + 2
    bench.start("next", "echo")
    result = bench.end("next").result
    assert result is not None
    assert result["pid"] == pid, "a cancelled job's worker keeps its warm model"


def test_a_cancel_that_comes_late_changes_nothing(bench: Bench):
    bench.start("job", "echo")
    bench.end("job")
    bench.pool.cancel("job")
    assert bench.pool.poll("job").state == "succeeded"
    bench.start("next", "steps", count=2, pause=0)
    assert bench.end("next").state == "succeeded"


def test_work_that_does_not_hear_a_cancel_is_killed_after_the_grace(bench: Bench):
    bench.start("job", "deaf")
    bench.update("job")
    bench.pool.cancel("job")
    report = bench.end("job")
    assert report.state == "failed"
    assert report.error is not None
    assert report.error["code"] == "cancelled"
    bench.start("next", "echo")
    assert bench.end("next").state == "succeeded"


def test_coded_errors_and_bugs_fail_the_work_and_keep_the_worker(bench: Bench):
    bench.start("pid", "echo")
    before = bench.end("pid").result
    assert before is not None
    for job, code, said in (
        ("exhaust", "out_of_memory", "memory"),
        ("bug", "generation_failed", "ZeroDivisionError"),
        ("unfit", "generation_failed", "ValueError"),
    ):
        bench.start(job, job, zero=0)
        report = bench.end(job)
        assert report.state == "failed"
        assert report.error is not None
        assert report.error["code"] == code
        assert said in str(report.error["message"])
    bench.start("after", "echo")
    after = bench.end("after").result
    assert after is not None
    assert after["pid"] == before["pid"]


def test_a_killed_worker_loses_its_work_and_is_replaced(bench: Bench):
    bench.start("job", "steps", count=1000, pause=0.05)
    pid = bench.update("job")
    os.kill(pid, signal.SIGKILL)
    report = bench.end("job")
    assert report.state == "lost"
    assert report.error is not None
    assert report.error["code"] == "worker_lost"
    bench.start("job", "echo", attempt=2)
    report = bench.end("job")
    assert (report.state, report.attempt) == ("succeeded", 2)
    assert report.result is not None
    assert report.result["pid"] != pid


def test_an_idle_worker_that_is_killed_is_replaced(bench: Bench):
    bench.start("job", "echo")
    result = bench.end("job").result
    assert result is not None
    os.kill(result["pid"], signal.SIGKILL)
    bench.start("next", "echo")  # may fall to the dead one, which nobody has noticed yet
    report = bench.end("next")
    if report.state == "lost":
        bench.start("next", "echo", attempt=2)
        report = bench.end("next")
    assert report.state == "succeeded"
    assert report.result is not None
    assert report.result["pid"] != result["pid"]


def test_poisoned_work_kills_worker_after_worker_but_not_the_pool(bench: Bench):
    for attempt in range(1, 6):
        bench.start("poison", "leave" if attempt == 2 else "die", attempt=attempt)
        report = bench.end("poison")
        assert (report.state, report.attempt) == ("lost", attempt)
    bench.start("healthy", "echo")
    assert bench.end("healthy").state == "succeeded"


def test_a_worker_whose_device_broke_is_replaced(bench: Bench):
    bench.start("pid", "echo")
    before = bench.end("pid").result
    assert before is not None
    bench.start("job", "spoil")
    report = bench.end("job")
    assert report.state == "lost"
    assert report.error is not None
    assert report.error["code"] == "device_broken"
    bench.start("job", "echo", attempt=2)
    after = bench.end("job").result
    assert after is not None
    assert after["pid"] != before["pid"]


def test_a_stopped_worker_is_found_by_its_silence(maker: Maker):
    pool = maker(SHARP)
    bench = Bench(pool)
    bench.start("job", "steps", count=1000, pause=0.05)
    pid = bench.update("job")
    os.kill(pid, signal.SIGSTOP)
    report = bench.end("job")
    assert report.state == "lost"
    assert report.error is not None
    assert report.error["code"] == "worker_lost"
    bench.start("job", "echo", attempt=2)
    assert bench.end("job").state == "succeeded"
    pool.close()


def test_a_higher_attempt_stops_a_lower_one(bench: Bench, tmp_path: Path):
    diary = tmp_path / "diary"
    bench.start("job", "steps", count=10_000, pause=0.02, diary=str(diary))
    bench.update("job")
    bench.start("job", "echo", attempt=2)
    report = bench.end("job")
    assert (report.state, report.attempt) == ("succeeded", 2)
    told = diary.read_text()
    bench.start("job", "steps", attempt=1, count=1, pause=0)  # from someone who fell behind
    assert bench.pool.poll("job") == report
    bench.start("other", "echo")
    bench.end("other")
    assert diary.read_text() == told


def test_what_libraries_print_is_never_taken_for_a_report(bench: Bench):
    bench.start("noise", "noise")
    report = bench.end("noise")
    assert report.state == "succeeded"
    assert report.result == {"lie": False}
    assert [dict(update) for update in report.updates] == [{"asked": ""}]


def test_slots_say_what_they_hold(bench: Bench, kind: str):
    if kind not in SEES_WORKERS:
        pytest.skip("it does not see its workers")
    bench.start("job", "hold", model="tiny")
    bench.end("job")
    (slot,) = bench.pool.slots()
    assert (slot.state, slot.busy_with, slot.model) == ("ready", None, "tiny")


def test_work_goes_where_its_model_is(maker: Maker, kind: str):
    if kind not in SEES_WORKERS:
        pytest.skip("it does not see its workers")
    pool = maker(BRISK, 2)
    bench = Bench(pool)
    bench.ready(2)
    for job, model in (("a", "tiny"), ("b", "large")):
        pool.start(Work(job, 1, {"act": "hold", "model": model}))
        bench.end(job)
        if job == "a":  # keep the second one from going to the same worker
            pool.start(Work("busy", 1, {"act": "steps", "count": 1000, "pause": 0.05}, "tiny"))
            bench.update("busy")
    pool.cancel("busy")
    bench.end("busy")
    where = {slot.model: slot.name for slot in pool.slots()}
    assert set(where) == {"tiny", "large"}
    for number, model in enumerate(("large", "tiny", "large", "tiny")):
        pool.start(Work(f"job-{number}", 1, {"act": "echo"}, model=model))
        assert bench.end(f"job-{number}").worker == where[model]
    pool.close()


def test_many_callers_at_once_start_each_job_once(maker: Maker, tmp_path: Path):
    pool = maker(BRISK, 2)
    bench = Bench(pool)
    bench.ready(2)
    diary = tmp_path / "diary"

    def caller() -> None:
        for number in range(6):
            bench.start(f"job-{number}", "steps", count=1, pause=0, diary=str(diary))

    threads = [threading.Thread(target=caller) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG)
    for number in range(6):
        assert bench.end(f"job-{number}").state == "succeeded"
    assert diary.read_text().split() == ["0"] * 6
    pool.close()


def test_a_worker_that_cannot_start_is_broken_until_it_can(maker: Maker, kind: str, tmp_path: Path):
    if kind not in SEES_WORKERS:
        pytest.skip("it does not see its workers")
    obstacle = tmp_path / "obstacle"
    obstacle.touch()
    pool = maker(refuse=str(obstacle))
    bench = Bench(pool)
    until(lambda: [s for s in pool.slots() if s.state == "broken"])
    with pytest.raises(NoFreeSlot) as refusal:
        pool.start(Work("job", 1, {"act": "echo"}))
    assert "weights" in refusal.value.hint
    obstacle.unlink()
    bench.start("job", "echo")
    assert bench.end("job").state == "succeeded"
    assert pool.slots()[0].message == ""
    pool.close()


def test_a_payload_that_is_no_json_is_refused_and_costs_no_slot(bench: Bench):
    with pytest.raises(TypeError):
        bench.pool.start(Work("job", 1, {"act": "echo", "value": object()}))
    assert bench.pool.poll("job").state == "unknown"
    bench.start("job", "echo")
    assert bench.end("job").state == "succeeded"


def test_close_ends_the_workers_and_hands_the_work_back(maker: Maker, kind: str):
    if kind not in ENDS_WORKERS:
        pytest.skip("its workers go on")
    pool = maker(PATIENT)
    bench = Bench(pool)
    bench.start("job", "steps", count=10_000, pause=0.02)
    pid = bench.update("job")
    began = time.monotonic()
    pool.close()
    assert time.monotonic() - began < PATIENT.grace
    assert pool.poll("job").state == "lost"
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(PoolUnavailable):
        pool.start(Work("next", 1, {"act": "echo"}))


def test_a_stopped_worker_does_not_hold_up_its_callers(maker: Maker):
    pool = maker(replace(PATIENT, silence=SHARP.silence))
    bench = Bench(pool)
    bench.start("first", "echo")
    result = bench.end("first").result
    assert result is not None
    os.kill(result["pid"], signal.SIGSTOP)
    # Larger than any pipe: whoever wrote it directly would wait for a reader that never comes.
    pool.start(Work("job", 1, {"act": "echo", "value": "x" * 1_000_000}))
    assert pool.poll("job").state == "running"
    assert bench.end("job").state == "lost"
    pool.close()
