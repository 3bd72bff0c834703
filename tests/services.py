"""The whole service in process for tests: real database, real store, real worker processes."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ltxserve.accounts.accounts import Account
from ltxserve.app import App, Tuning, create_app
from ltxserve.credits import ledger
from ltxserve.jobs import store
from ltxserve.jobs.rows import Job
from ltxserve.pool.base import Patience
from ltxserve.service.orchestrator import Rhythm
from ltxserve.service.submission import Submission
from ltxserve.service.watch import RunLimits
from ltxserve.settings import Settings
from tests import renderer

SECONDS = 60.0
QUICK = RunLimits(pace=0.01, look=0.05, note=0.05, silence=20.0, postpone=0.2, grace=5.0)
OFTEN = Rhythm(lock=0.1, jobs=0.02, webhooks=0.05, reconcile=0.3, sweep=0.5, grace=5.0)


def settings_for(folder: Path, **more: Any) -> Settings:
    """Settings of a service that keeps everything below a folder."""
    return Settings(data_dir=folder, device="cpu", **more)


def tuned(limits: RunLimits = QUICK, workers: int = 1) -> Tuning:
    """Short waits, and the stand-in renderer."""
    patience = Patience(beat=0.2, silence=15.0, grace=1.0)
    return Tuning(renderer.NAME, ("cpu",) * workers, limits, OFTEN, patience)


@contextlib.contextmanager
def service(folder: Path, limits: RunLimits = QUICK, **more: Any) -> Iterator[App]:
    """A started service with the stand-in renderer; closed at the end, without patience."""
    app = create_app(settings_for(folder, **more), "all", tuned(limits))
    app.start()
    try:
        yield app
    finally:
        app.close(grace=0.0)


def submit(app: App, prompt: str, account: Account | None = None, **more: Any) -> Job:
    """Submit a small clip."""
    request = {"prompt": prompt, "model": "tiny", **more.pop("request", {})}
    return app.generations.submit(account or app.local_account(), Submission(request, **more))


def wait_for(app: App, job: Job, *states: str, seconds: float = SECONDS) -> Job:
    """The job when it is in one of the states, or over where none is named."""
    with app.signals.waking(job.id) as changed:
        for _ in range(int(seconds / 0.05)):
            with app.database.read() as conn:
                job = store.get(conn, job.id)
            if job.state in states or (not states and job.is_terminal):
                return job
            # Other processes' changes are not heard, so look again after a while.
            changed.wait(0.05)
            changed.clear()
    raise AssertionError(f"still {job.state} ({job.stage}): {job.error}")


def check_books(app: App) -> None:
    """Every account's balance is the sum of its entries, and no hold is open for a job that is
    over."""
    with app.database.read() as conn:
        assert ledger.imbalances(conn) == []


def wait_until(true: Any, seconds: float = SECONDS) -> None:
    """Wait for a condition that nobody signals."""
    tick = threading.Event()
    for _ in range(int(seconds / 0.02)):
        if true():
            return
        tick.wait(0.02)
    raise AssertionError("it did not come")
