"""Stranded jobs run again, due results and old progress go, whatever the order of rounds."""

import time

import pytest
import sqlalchemy as sa

from ltxserve.app import App
from ltxserve.db.tables import job_events, jobs
from ltxserve.jobs import events, store
from ltxserve.jobs.rows import Job, NewJob
from ltxserve.jobs.states import JobState
from ltxserve.service.housekeeping import Housekeeping
from tests.services import submit, wait_for, wait_until


@pytest.fixture
def rounds(app: App) -> Housekeeping:
    generations = app.generations
    return Housekeeping(app.database, app.enqueuer, generations.endings, generations, 3600.0)


def current(app: App, job: Job) -> Job:
    return app.generations.get(app.local_account(), job.id)


def change(app: App, job: Job, **values: object) -> None:
    with app.database.begin() as conn:
        conn.execute(sa.update(jobs).where(jobs.c.id == job.id).values(values))


def test_a_job_without_a_run_gets_one(app: App) -> None:
    with app.database.begin() as conn:
        job = store.insert(conn, NewJob("local", {"prompt": "steps=1", "seed": 1}, 0, "free"))
    # The running service's own rounds find it.
    assert wait_for(app, job).state is JobState.SUCCEEDED


def test_a_job_with_a_run_is_left_alone(app: App, rounds: Housekeeping) -> None:
    job = wait_for(app, submit(app, "steps=200 pause=0.02"), "running")
    assert rounds.reconcile() == 0
    app.generations.cancel(app.local_account(), job.id)
    assert wait_for(app, job).attempt == 1


def test_a_batch_whose_jobs_are_over_is_closed(app: App) -> None:
    batch = wait_for(app, submit(app, "steps=1", count=2))
    change(app, batch, state="running", result=None, finished_at=None)
    assert wait_for(app, batch).result == {
        "children": {"succeeded": 2, "failed": 0, "cancelled": 0}
    }


def test_due_results_go_and_the_job_stays(app: App, rounds: Housekeeping) -> None:
    job = wait_for(app, submit(app, "steps=1"))
    file = app.generations.artifact(app.local_account(), job.id)
    rounds.sweep()
    assert app.store.stat(file.key) is not None
    change(app, job, expires_at=time.time() - 1)
    # Ours or the service's own round, whichever is first.
    rounds.sweep()
    wait_until(lambda: current(app, job).expires_at is None)
    assert app.store.stat(file.key) is None
    assert (current(app, job).state, current(app, job).result) == (JobState.SUCCEEDED, None)


def test_old_progress_goes_and_ends_stay(app: App, rounds: Housekeeping) -> None:
    job = wait_for(app, submit(app, "steps=3 pause=0.1 preview"))
    with app.database.begin() as conn:
        before = [event.kind for event in events.read(conn, job.id)]
        old = sa.update(job_events).where(job_events.c.job_id == job.id)
        conn.execute(old.values(created_at=time.time() - 7200))
    assert {"progress", "preview"} <= set(before)
    rounds.sweep()
    kinds = [event.kind for event in app.generations.events(app.local_account(), job.id)]
    assert kinds == ["queued", "running", "succeeded"]


def test_who_waited_too_long_is_told(app: App, rounds: Housekeeping) -> None:
    busy = wait_for(app, submit(app, "steps=2000 pause=0.02"), "running")
    job = submit(app, "steps=1")
    change(app, job, created_at=time.time() - 4000)
    rounds.sweep()
    done = app.generations.get(app.local_account(), job.id)
    assert (done.state, (done.error or {})["code"]) == (JobState.FAILED, "job_timed_out")
    app.generations.cancel(app.local_account(), busy.id)
    wait_for(app, busy)


def test_other_tasks_are_run_too(app: App, rounds: Housekeeping) -> None:
    ran: list[int] = []
    Housekeeping(
        app.database,
        app.enqueuer,
        app.generations.endings,
        app.generations,
        3600.0,
        (lambda: ran.append(1),),
    ).sweep()
    assert ran == [1]
