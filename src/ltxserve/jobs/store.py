"""Jobs as rows: every change is one conditional UPDATE whose row count decides who won.

Works on the caller's connection and transaction; knows no money, no engine and no HTTP.
"""

from __future__ import annotations

import time
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from ltxserve.db.tables import jobs
from ltxserve.errors import Conflict, NotFound
from ltxserve.jobs.rows import COLUMNS, Job, Json, NewJob, Outcome
from ltxserve.jobs.states import ACTIVE, TERMINAL, JobState, sources

KEY_SECONDS = 24 * 3600.0
"""How long an Idempotency-Key returns its first job."""

GROUPS = ("batch",)
"""Kinds that only group other jobs: they never run and never count against limits."""


def insert(conn: sa.Connection, new: NewJob) -> Job:
    """Add a queued job, or return the one that the same Idempotency-Key made within a day.

    A job that is new has `job.id == new.id`: only then hold credits and enqueue. Raises Conflict
    `idempotency_conflict` when the key was used with another request_hash.
    """
    if new.idempotency_key is not None:
        _forget_old_key(conn, new.account_id, new.idempotency_key)
    made = conn.execute(_insert(conn).values(_values(new)).returning(jobs)).first()
    if made is not None:
        return to_job(made)
    # None only if the key's day ended just now; then the way is free.
    first = repeated(conn, new.account_id, new.idempotency_key, new.request_hash)
    return first or insert(conn, new)


def repeated(
    conn: sa.Connection, account_id: str, key: str | None, request_hash: str | None
) -> Job | None:
    """The job that an Idempotency-Key made within a day, or None.

    Raises Conflict `idempotency_conflict` when it was made of another request.
    """
    row = conn.execute(
        sa.select(jobs).where(
            jobs.c.account_id == account_id,
            jobs.c.idempotency_key == key,
            jobs.c.created_at >= time.time() - KEY_SECONDS,
        )
    ).first()
    if row is None:
        return None
    first = to_job(row)
    if not _same(first.request_hash, request_hash):
        raise Conflict(
            "idempotency_conflict",
            f"The Idempotency-Key belongs to job {first.id}, which asked for something else.",
            "Use a new key for a new request.",
            "Idempotency-Key",
        )
    return first


def _same(first: str | None, second: str | None) -> bool:
    """Whether two request hashes, words each, have one in common."""
    return first == second or not set((first or "").split()).isdisjoint((second or "").split())


def find(conn: sa.Connection, job_id: str, account_id: str | None = None) -> Job | None:
    """The job of this id (and account, unless None), or None."""
    query = sa.select(jobs).where(jobs.c.id == job_id)
    if account_id is not None:
        query = query.where(jobs.c.account_id == account_id)
    row = conn.execute(query).first()
    return None if row is None else to_job(row)


def get(conn: sa.Connection, job_id: str, account_id: str | None = None) -> Job:
    """The job of this id (and account, unless None). Raises NotFound `job_not_found`."""
    job = find(conn, job_id, account_id)
    if job is None:
        raise NotFound("job_not_found", "There is no such job.", "Check the id.", "id")
    return job


def claim(conn: sa.Connection, job_id: str, worker: str) -> Job | None:
    """Take the job for a new attempt: queued or running -> running, attempt + 1.

    None when it is over or about to be cancelled. The attempt before can change nothing any more.
    """
    row = conn.execute(
        _change(job_id, sources(JobState.RUNNING))
        .where(jobs.c.cancel_requested.is_(False))
        .values(
            state=JobState.RUNNING,
            attempt=jobs.c.attempt + 1,
            worker=worker,
            stage=None,
            progress=None,
            started_at=sa.func.coalesce(jobs.c.started_at, time.time()),
        )
        .returning(jobs)
    ).first()
    return None if row is None else to_job(row)


def requeue(conn: sa.Connection, job_id: str, attempt: int) -> bool:
    """Hand a running job back, as at a shutdown: running -> queued; its attempts stay counted."""
    change = _change(job_id, sources(JobState.QUEUED), attempt)
    return _done(conn, change.values(state=JobState.QUEUED, worker=None, stage=None, progress=None))


def set_progress(conn: sa.Connection, job_id: str, attempt: int, progress: Json) -> bool:
    """Note how far the attempt is; False when the job is no longer this attempt's."""
    change = _change(job_id, (JobState.RUNNING,), attempt)
    return _done(conn, change.values(progress=progress, stage=progress.get("stage")))


def set_worker(conn: sa.Connection, job_id: str, attempt: int, worker: str) -> bool:
    """Note which worker has the attempt; False when the job is no longer this attempt's."""
    return _done(conn, _change(job_id, (JobState.RUNNING,), attempt).values(worker=worker))


def request_cancel(conn: sa.Connection, job_id: str) -> Job:
    """Ask for a cancel and lock the row; a job that is over stays as it is.

    The caller ends a job that is still queued with `cancel` in the same transaction; a running one
    ends when its run sees the flag. Raises NotFound `job_not_found`.
    """
    change = sa.update(jobs).where(jobs.c.id == job_id, jobs.c.state.in_(ACTIVE))
    row = conn.execute(change.values(cancel_requested=True).returning(jobs)).first()
    return get(conn, job_id) if row is None else to_job(row)


def succeed(conn: sa.Connection, job_id: str, attempt: int, outcome: Outcome) -> bool:
    """running -> succeeded, by the newest attempt only; True for the one caller who made it so."""
    values = {name: value for name, value in vars(outcome).items() if value is not None}
    return _finish(conn, job_id, attempt, JobState.SUCCEEDED, values)


def fail(conn: sa.Connection, job_id: str, attempt: int | None, error: Json) -> bool:
    """queued or running -> failed with {"code", "message", "hint"}; attempt None = any attempt."""
    return _finish(conn, job_id, attempt, JobState.FAILED, {"error": error})


def cancel(conn: sa.Connection, job_id: str, attempt: int | None = None) -> bool:
    """queued or running -> cancelled; attempt None = any attempt."""
    return _finish(conn, job_id, attempt, JobState.CANCELLED, {"cancel_requested": True})


def add_price(conn: sa.Connection, job_id: str, credits: int) -> bool:
    """Change what a batch is shown to cost, when one of its jobs came out at another price."""
    change = sa.update(jobs).where(jobs.c.id == job_id).values(price=jobs.c.price + credits)
    return _done(conn, change)


def set_expiry(conn: sa.Connection, job_id: str, expires_at: float | None) -> bool:
    """Set when the job's files may be removed; None = they are, or never."""
    return _done(conn, sa.update(jobs).where(jobs.c.id == job_id).values(expires_at=expires_at))


def expired(conn: sa.Connection, now: float, limit: int = 100) -> list[Job]:
    """Jobs that are over and whose files are due to be removed, the longest due first."""
    query = (
        sa.select(jobs)
        .where(jobs.c.expires_at <= now, jobs.c.state.in_(TERMINAL))
        .order_by(jobs.c.expires_at)
        .limit(limit)
    )
    return [to_job(row) for row in conn.execute(query)]


def forget_result(conn: sa.Connection, job_id: str) -> bool:
    """Before its files are removed: no result that offers them; the row stays as a record."""
    change = sa.update(jobs).where(jobs.c.id == job_id, jobs.c.state.in_(TERMINAL))
    return _done(conn, change.values(result=None))


def delete(conn: sa.Connection, job_id: str) -> bool:
    """Remove a job that is over, with its events; ledger entries and artifact rows stay."""
    gone = sa.delete(jobs).where(jobs.c.id == job_id, jobs.c.state.in_(TERMINAL))
    return conn.execute(gone).rowcount == 1


def to_job(row: sa.Row[Any]) -> Job:
    """A row of the table jobs as a record."""
    values = {name: row._mapping[name] for name in COLUMNS}
    return Job(**{**values, "state": JobState(values["state"])})


def _finish(
    conn: sa.Connection, job_id: str, attempt: int | None, state: JobState, values: dict[str, Any]
) -> bool:
    change = _change(job_id, sources(state), attempt)
    return _done(conn, change.values(state=state, finished_at=time.time(), **values))


def _change(job_id: str, states: tuple[JobState, ...], attempt: int | None = None) -> sa.Update:
    change = sa.update(jobs).where(jobs.c.id == job_id, jobs.c.state.in_(states))
    return change if attempt is None else change.where(jobs.c.attempt == attempt)


def _done(conn: sa.Connection, change: sa.Update) -> bool:
    return conn.execute(change).rowcount == 1


def _insert(conn: sa.Connection) -> Any:
    """INSERT that yields to an earlier row of the same key; spelled per dialect."""
    dialect = sqlite if conn.dialect.name == "sqlite" else postgresql
    return dialect.insert(jobs).on_conflict_do_nothing(
        index_elements=["account_id", "idempotency_key"]
    )


def _values(new: NewJob) -> dict[str, Any]:
    fresh = {"state": JobState.QUEUED, "attempt": 0, "cancel_requested": False, "last_event": 0}
    return {**vars(new), **fresh, "created_at": time.time()}


def _forget_old_key(conn: sa.Connection, account_id: str, key: str) -> None:
    conn.execute(
        sa.update(jobs)
        .where(
            jobs.c.account_id == account_id,
            jobs.c.idempotency_key == key,
            jobs.c.created_at < time.time() - KEY_SECONDS,
        )
        .values(idempotency_key=None)
    )
