"""Attempts on real worker processes: lost ones, poisoned jobs, broken stores, limits, shutdown."""

import os
import signal
from pathlib import Path

import pytest

from ltxserve.accounts.accounts import NewAccount, create_account
from ltxserve.app import App
from ltxserve.jobs import store
from ltxserve.jobs.rows import Job
from ltxserve.jobs.states import JobState
from ltxserve.pool.base import Report
from ltxserve.service.leftovers import keys_of, prefix_of
from ltxserve.service.running import outcome_of
from tests.diaries import attempts, worker_of
from tests.services import submit, wait_for

LONG = "steps=2000 pause=0.02"


def leftovers(app: App, job: Job, attempt: int) -> list[str]:
    keys = keys_of(prefix_of(job.account_id, job.id, attempt))
    return [key for key in keys if app.store.stat(key) is not None]


def test_a_killed_worker_costs_an_attempt_and_no_credit(app: App, tmp_path: Path) -> None:
    diary = tmp_path / "diary"
    job = submit(app, f"steps=60 pause=0.02 diary={diary}")
    os.kill(worker_of(diary, job), signal.SIGKILL)
    done = wait_for(app, job)
    assert (done.state, done.attempt) == (JobState.SUCCEEDED, 2)
    assert attempts(diary, job) == [1, 2]
    assert "/2/" in (done.result or {})["artifacts"]["video"]["key"]
    assert leftovers(app, job, 1) == []


def test_a_job_that_kills_its_workers_fails_in_the_end(app: App, tmp_path: Path) -> None:
    diary = tmp_path / "diary"
    done = wait_for(app, submit(app, f"die diary={diary}"))
    assert done.state is JobState.FAILED
    assert (done.error or {})["code"] == "worker_lost"
    assert attempts(diary, done) == [1, 2, 3]
    # The pool has survived it.
    assert wait_for(app, submit(app, "steps=1")).state is JobState.SUCCEEDED


def test_memory_gets_a_second_chance_and_other_failures_none(app: App, tmp_path: Path) -> None:
    for code, tries in (("out_of_memory", 2), ("generation_failed", 1)):
        diary = tmp_path / code
        done = wait_for(app, submit(app, f"fail={code} diary={diary}"))
        assert done.state is JobState.FAILED
        assert (done.error or {})["code"] == code
        assert (done.error or {})["hint"] == "Do not ask for it."
        assert len(attempts(diary, done)) == tries


def test_a_result_that_cannot_be_read_back_is_no_success(app: App) -> None:
    done = wait_for(app, submit(app, "lose-file"))
    assert done.state is JobState.FAILED
    assert (done.error or {})["code"] == "storage_unavailable"
    assert done.attempt == 3


def test_time_runs_out(app: App) -> None:
    job = submit(app, LONG, timeout_seconds=1.0)
    done = wait_for(app, job)
    assert (done.state, (done.error or {})["code"]) == (JobState.FAILED, "job_timed_out")


def test_an_account_runs_as_many_as_it_may(app: App) -> None:
    with app.database.begin() as conn:
        modest = create_account(conn, NewAccount("modest", "free", max_running=1))
        store_limit(conn, modest.id, 0)
    job = submit(app, "steps=1", modest)
    other = wait_for(app, submit(app, "steps=1"))
    assert other.state is JobState.SUCCEEDED
    with app.database.begin() as conn:
        assert store.get(conn, job.id).state is JobState.QUEUED
        store_limit(conn, modest.id, 1)
    assert wait_for(app, job).state is JobState.SUCCEEDED


def store_limit(conn: object, account_id: str, limit: int) -> None:
    import sqlalchemy as sa

    from ltxserve.db.tables import accounts

    change = sa.update(accounts).where(accounts.c.id == account_id).values(max_running=limit)
    conn.execute(change)  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["seed", "timings", "warnings", "plan"])
def test_a_result_is_split_into_the_rows_columns(name: str) -> None:
    outcome = outcome_of(Report("succeeded", result={"width": 8, name: 3}))
    assert outcome.result == {"width": 8}
    assert getattr(outcome, name) == 3
