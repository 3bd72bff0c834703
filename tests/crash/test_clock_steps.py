"""The wall clock jumps under a running service: no job waits for it, none is paid twice."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from ltxserve.accounts.accounts import Account, NewAccount
from ltxserve.app import App
from ltxserve.jobs.states import JobState
from tests.crash.books import check
from tests.crash.served import Served
from tests.diaries import attempts, worker_of
from tests.payers import CREDIT, paying
from tests.services import submit, wait_for, wait_until

pytestmark = pytest.mark.crash


@pytest.fixture
def payer(front: App) -> Account:
    """An account that may run one job at a time, so that others of it are put off."""
    return paying(front, NewAccount("payer", max_running=1))


def delayed(app: App) -> int:
    """How many of the engine's runs wait for a moment to come."""
    query = sa.text("SELECT count(*) FROM workflow_status WHERE status = 'DELAYED'")
    with app.database.read() as conn:
        return conn.scalar(query) or 0


@pytest.mark.parametrize("step", [-7200.0, 7200.0, -1.0])
def test_a_step_costs_no_job_its_time_or_its_money(
    front: App, payer: Account, tmp_path: Path, step: float
) -> None:
    diary = tmp_path / "diary"
    with Served(tmp_path, front.settings.database) as served:
        served.wait_ready()
        running = submit(front, f"steps=100 pause=0.02 diary={diary}", payer)
        worker_of(diary, running)
        put_off = [submit(front, f"steps=1 diary={diary}", payer) for _ in range(3)]
        wait_until(lambda: delayed(front))
        served.shift_clock(step)
        later = submit(front, f"steps=1 diary={diary}", payer)
        everything = [running, *put_off, later]
        for job in everything:
            assert wait_for(front, job).state is JobState.SUCCEEDED
            assert attempts(diary, job) == [1]
    check(front, [job.id for job in everything], {payer.id: CREDIT})


def test_results_and_links_outlive_a_step_and_come_back(
    front: App, payer: Account, tmp_path: Path
) -> None:
    with Served(tmp_path, front.settings.database) as served:
        served.wait_ready()
        before = submit(front, "steps=1", payer)
        wait_for(front, before)
        served.shift_clock(3600.0)
        during = submit(front, "steps=1", payer)
        wait_for(front, during)
        served.shift_clock(0.0)
        after = submit(front, "steps=1", payer)
        wait_for(front, after)
        for job in (before, during, after):
            file = front.generations.artifact(payer, job.id)
            assert front.store.stat(file.key) is not None
    check(front, [before.id, during.id, after.id], {payer.id: CREDIT})
