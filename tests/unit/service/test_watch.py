"""What becomes of an attempt, on a clock of its own and a pool that says what it is told."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest

from ltxserve.accounts.accounts import LOCAL
from ltxserve.db.database import Database
from ltxserve.jobs import events, store
from ltxserve.jobs.rows import Job, NewJob
from ltxserve.pool.base import PoolUnavailable, Report, Slot, Work
from ltxserve.service.signals import Signals
from ltxserve.service.watch import SILENT, TIMED_OUT, RunLimits, Verdict, Watch

PLAN = {"stages": [{"kind": "denoise", "steps": 4}]}
LIMITS = RunLimits(pace=0.0, look=0.0, note=0.0, start=50, silence=20, total=100, grace=5)


class ToldPool:
    """Reports one by one, each at a second of the clock; the last one stays."""

    def __init__(self, *reports: Report | None) -> None:
        self.reports = list(reports)
        self.cancelled = 0
        self.seconds = 0.0

    def poll(self, job_id: str, after: int = 0) -> Report:
        self.seconds += 1
        report = self.reports.pop(0) if len(self.reports) > 1 else self.reports[0]
        if report is None:
            raise PoolUnavailable("pool_unavailable", "away")
        return report

    def cancel(self, job_id: str) -> None:
        self.cancelled += 1

    def start(self, work: Work) -> None:
        raise AssertionError("a watch starts nothing")

    def slots(self) -> tuple[Slot, ...]:
        return ()

    def close(self) -> None:
        pass


def claimed(database: Database, **fields: Any) -> Job:
    with database.begin() as conn:
        job = store.insert(conn, NewJob(LOCAL, {}, 0, "free", plan=PLAN, **fields))
        found = store.claim(conn, job.id, "")
        assert found is not None
        return found


def judged(
    database: Database, job: Job, pool: ToldPool, limits: RunLimits = LIMITS, leaving: bool = False
) -> Verdict:
    watch = Watch(job, pool, database, limits, lambda: leaving, lambda: pool.seconds)
    return watch.run(Signals())


def running(*updates: dict[str, Any], attempt: int = 1) -> Report:
    return Report("running", updates, len(updates), worker="w", attempt=attempt)


def test_progress_pictures_and_the_worker_are_noted(sqlite: Database) -> None:
    job = claimed(sqlite)
    step = {"stage": "denoise", "of": 4}
    done = Report("succeeded", (), 9, {"artifacts": {}}, attempt=1)
    pool = ToldPool(
        running({**step, "step": 1}), running({**step, "step": 2, "preview": "x"}), done
    )
    verdict = judged(sqlite, job, pool)
    assert (verdict.kind, verdict.report) == ("succeeded", done)
    with sqlite.read() as conn:
        now, told = store.get(conn, job.id), events.read(conn, job.id)
    assert now.worker == "w"
    assert (now.stage, (now.progress or {})["percent"]) == ("denoise", 50.0)
    assert [event.kind for event in told] == ["progress", "progress", "preview"]
    assert told[-1].data == {"stage": "denoise", "step": 2, "of": 4, "image": "x"}


def test_progress_is_written_at_most_so_often(sqlite: Database) -> None:
    job = claimed(sqlite)
    reports = [running({"stage": "denoise", "step": step, "of": 40}) for step in range(40)]
    pool = ToldPool(*reports, Report("failed", error={"code": "x"}, attempt=1))
    judged(sqlite, job, pool, replace(LIMITS, note=10.0))
    with sqlite.read() as conn:
        assert [event.data["step"] for event in events.read(conn, job.id)] == [0, 10, 20, 30]


@pytest.mark.parametrize(
    ("report", "verdict"),
    [
        (Report("failed", error={"code": "x"}, attempt=1), Verdict("failed", {"code": "x"})),
        (Report("lost", error={"code": "x"}, attempt=1), Verdict("lost", {"code": "x"})),
        # Nobody asked for it: the worker was told to stop by its own machine.
        (
            Report("failed", error={"code": "cancelled"}, attempt=1),
            Verdict("lost", {"code": "cancelled"}),
        ),
        (Report("running", attempt=2), Verdict("over")),
    ],
)
def test_an_end_that_the_pool_reports(sqlite: Database, report: Report, verdict: Verdict) -> None:
    assert judged(sqlite, claimed(sqlite), ToldPool(running(), report)) == verdict


def test_a_pool_that_forgot_the_job_has_lost_it(sqlite: Database) -> None:
    assert judged(sqlite, claimed(sqlite), ToldPool(Report("unknown"))).kind == "lost"


def test_a_cancel_is_passed_on_once_and_counts_when_the_worker_stops(sqlite: Database) -> None:
    job = claimed(sqlite)
    with sqlite.begin() as conn:
        store.request_cancel(conn, job.id)
    stopped = Report("failed", error={"code": "cancelled"}, attempt=1)
    pool = ToldPool(running(), running(), running(), stopped)
    assert judged(sqlite, job, pool) == Verdict("cancelled")
    assert pool.cancelled == 1


def test_a_worker_that_does_not_stop_is_given_up(sqlite: Database) -> None:
    job = claimed(sqlite)
    with sqlite.begin() as conn:
        store.request_cancel(conn, job.id)
    pool = ToldPool(running())
    assert judged(sqlite, job, pool) == Verdict("cancelled")
    assert pool.seconds <= LIMITS.grace + 4


def test_a_job_that_ended_elsewhere_is_over(sqlite: Database) -> None:
    job = claimed(sqlite)
    with sqlite.begin() as conn:
        store.fail(conn, job.id, None, {"code": "job_timed_out"})
    pool = ToldPool(running())
    assert judged(sqlite, job, pool) == Verdict("over")
    assert pool.cancelled == 1


def test_a_pool_that_cannot_be_told_of_it_breaks_nothing(sqlite: Database) -> None:
    class Deaf(ToldPool):
        def cancel(self, job_id: str) -> None:
            raise PoolUnavailable("pool_unavailable", "away")

    job = claimed(sqlite)
    with sqlite.begin() as conn:
        assert store.claim(conn, job.id, "") is not None  # a newer attempt, which must go on
    assert judged(sqlite, job, Deaf(running())) == Verdict("over")


def test_silence_loses_the_worker_and_news_keep_it(sqlite: Database) -> None:
    news = running({"beat": 1})
    reports = [news if second % 15 == 0 else running() for second in range(60)]
    pool = ToldPool(*reports, running())
    assert judged(sqlite, claimed(sqlite), pool) == Verdict("lost", SILENT)
    assert 45 + LIMITS.silence < pool.seconds < 45 + LIMITS.silence + 10


def test_the_first_sign_may_take_longer(sqlite: Database) -> None:
    pool = ToldPool(running())
    assert judged(sqlite, claimed(sqlite), pool) == Verdict("lost", SILENT)
    assert LIMITS.start < pool.seconds < LIMITS.start + 10


def test_time_runs_out_however_busy_it_is(sqlite: Database) -> None:
    pool = ToldPool(running({"stage": "denoise", "step": 1, "of": 4}))
    assert judged(sqlite, claimed(sqlite), pool) == Verdict("failed", TIMED_OUT)
    assert LIMITS.total < pool.seconds < LIMITS.total + 10


def test_a_job_may_have_less_time_of_its_own(sqlite: Database) -> None:
    pool = ToldPool(running({"stage": "denoise", "step": 1, "of": 4}))
    judged(sqlite, claimed(sqlite, timeout_seconds=7.0), pool)
    assert pool.seconds < 20


def test_a_pool_that_is_away_is_waited_for(sqlite: Database) -> None:
    done = Report("succeeded", result={}, attempt=1)
    assert judged(sqlite, claimed(sqlite), ToldPool(None, None, None, done)).kind == "succeeded"


def test_a_process_that_ends_leaves_the_job(sqlite: Database) -> None:
    assert judged(sqlite, claimed(sqlite), ToldPool(running()), leaving=True) == Verdict("left")


def test_a_change_wakes_it(sqlite: Database) -> None:
    job, signals = claimed(sqlite), Signals()
    pool = ToldPool(running())
    # It would look at the row once an hour, and at the pool once a minute.
    limits = replace(LIMITS, look=3600.0, pace=60.0, grace=0.0, start=1e9)
    watch = Watch(job, pool, sqlite, limits, lambda: False)
    verdicts: list[Verdict] = []
    thread = threading.Thread(target=lambda: verdicts.append(watch.run(signals)))
    thread.start()
    with sqlite.begin() as conn:
        store.fail(conn, job.id, None, {"code": "x"})
    while thread.is_alive():
        signals.notify(job.id)
        thread.join(0.05)
    assert verdicts == [Verdict("over")]
