"""Runs whose service ends, and workers that freeze: each test has a service of its own."""

from dataclasses import replace
from pathlib import Path

from ltxserve.jobs.states import JobState
from tests.diaries import attempts, worker_of
from tests.services import QUICK, service, submit, wait_for


def test_a_worker_without_signs_is_replaced(tmp_path: Path) -> None:
    with service(tmp_path, replace(QUICK, silence=3.0, start=10.0, grace=0.5)) as app:
        done = wait_for(app, submit(app, "steps=1 freeze"), seconds=90)
    assert done.state is JobState.SUCCEEDED
    assert done.attempt > 1


def test_what_runs_at_shutdown_waits_again_and_runs_after_it(tmp_path: Path) -> None:
    diary = tmp_path / "diary"
    with service(tmp_path) as app:
        job = wait_for(app, submit(app, f"steps=100 pause=0.02 diary={diary}"), "running")
        worker_of(diary, job)
    with service(tmp_path) as app:
        done = wait_for(app, job)
        kinds = [event.kind for event in app.generations.events(app.local_account(), job.id)]
    assert (done.state, attempts(diary, job)) == (JobState.SUCCEEDED, [1, 2])
    assert [kind for kind in kinds if kind not in ("progress", "preview")] == [
        "queued",
        "running",
        "queued",
        "running",
        "succeeded",
    ]


def test_a_short_run_may_finish_at_shutdown(tmp_path: Path) -> None:
    diary = tmp_path / "diary"
    with service(tmp_path) as app:
        job = submit(app, f"steps=20 pause=0.02 diary={diary}")
        worker_of(diary, job)
        assert app.orchestrator is not None
        app.orchestrator.close(grace=30.0)
        assert app.generations.get(app.local_account(), job.id).state is JobState.SUCCEEDED
