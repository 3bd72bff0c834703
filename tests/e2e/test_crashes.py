"""What kill -9 may cost: an attempt, a few seconds; never a job and never a second charge."""

import os
import signal
from pathlib import Path

from ltxserve.accounts.accounts import Account
from ltxserve.app import App
from ltxserve.jobs.states import JobState
from tests.crash.books import check
from tests.crash.served import Served
from tests.diaries import attempts, worker_of
from tests.payers import CREDIT
from tests.services import submit, wait_for, wait_until


def serve(app: App, folder: Path) -> Served:
    return Served(folder, app.settings.database)


def test_a_killed_service_runs_its_job_once_more(
    front: App, payer: Account, tmp_path: Path
) -> None:
    diary = tmp_path / "diary"
    job = submit(front, f"steps=100 pause=0.02 diary={diary}", payer)
    waiting = submit(front, f"steps=1 diary={diary}", payer)
    with serve(front, tmp_path) as served:
        worker = worker_of(diary, job)
        served.kill()
        wait_until(lambda: not _lives(worker))
        served.start()
        assert wait_for(front, job).state is JobState.SUCCEEDED
        assert wait_for(front, waiting).state is JobState.SUCCEEDED
    assert attempts(diary, job) == [1, 2]
    check(front, [job.id, waiting.id], {payer.id: CREDIT})


def test_a_stopped_worker_is_replaced_and_changes_nothing_when_it_wakes(
    front: App, payer: Account, tmp_path: Path
) -> None:
    diary = tmp_path / "diary"
    job = submit(front, f"steps=50 pause=0.02 diary={diary}", payer)
    with serve(front, tmp_path):
        worker = worker_of(diary, job)
        os.kill(worker, signal.SIGSTOP)
        done = wait_for(front, job)
        if _lives(worker):
            os.kill(worker, signal.SIGCONT)
        later = wait_for(front, submit(front, "steps=1", payer))
    assert (done.state, done.attempt) == (JobState.SUCCEEDED, 2)
    check(front, [job.id, later.id], {payer.id: CREDIT})


def test_a_cancel_while_nobody_runs_jobs_counts_when_somebody_does(
    front: App, payer: Account, tmp_path: Path
) -> None:
    diary = tmp_path / "diary"
    job = submit(front, f"steps=500 pause=0.02 diary={diary}", payer)
    with serve(front, tmp_path) as served:
        worker_of(diary, job)
        served.kill()
        front.generations.cancel(payer, job.id)
        assert front.generations.get(payer, job.id).state is JobState.RUNNING
        served.start()
        assert wait_for(front, job).state is JobState.CANCELLED
    check(front, [job.id], {payer.id: CREDIT})


def _lives(pid: int) -> bool:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] != "Z"
