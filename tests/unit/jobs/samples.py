"""Jobs to test with."""

from typing import Any

from ltxserve.db.database import Database
from ltxserve.jobs import store
from ltxserve.jobs.rows import Job, NewJob, Outcome

RESULT: dict[str, Any] = {"artifacts": {"video": {"key": "local/j/1/video.mp4"}}, "width": 64}
DONE = Outcome(RESULT, seed=7, timings={"denoise": 1.5}, warnings=["slow"])
ERROR = {"code": "worker_lost", "message": "The worker died.", "hint": "Try again."}


def new(**values: Any) -> NewJob:
    """A job of the account "local"."""
    given = {"account_id": "local", "request": {"prompt": "a red ball"}, "price": 0}
    return NewJob(**{**given, "price_list": "free", **values})


def add(database: Database, **values: Any) -> Job:
    """A job of the account "local", in the database."""
    with database.begin() as conn:
        return store.insert(conn, new(**values))


def running(database: Database, **values: Any) -> Job:
    """The same, claimed once."""
    job = add(database, **values)
    with database.begin() as conn:
        claimed = store.claim(conn, job.id, "worker-0")
    assert claimed is not None
    return claimed


def now(database: Database, job: Job) -> Job:
    """The job as it is now."""
    with database.read() as conn:
        return store.get(conn, job.id)
