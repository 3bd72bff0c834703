"""Questions over many jobs: pages, counts, place in the queue; changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from ltxserve.db.tables import jobs
from ltxserve.jobs.rows import Job
from ltxserve.jobs.states import JobState
from ltxserve.jobs.store import GROUPS, find, to_job

LIMIT = 100
"""Jobs on one page, at most."""


@dataclass(frozen=True)
class JobFilter:
    """Which jobs, newest first unless `ascending`; None = whatever it is.

    top: only jobs without a parent. cursor: the id of the last job of the page before.
    """

    account_id: str | None = None
    states: tuple[JobState, ...] = ()
    kind: str | None = None
    parent_id: str | None = None
    top: bool = False
    dialect: str | None = None
    limit: int = 20
    cursor: str | None = None
    ascending: bool = False


@dataclass(frozen=True)
class Page:
    """Jobs, and the cursor of the next page or None on the last."""

    jobs: tuple[Job, ...]
    next_cursor: str | None


@dataclass(frozen=True)
class Counts:
    """Jobs that wait and run; oldest_queued_at in seconds UTC, None when nothing waits."""

    queued: int
    running: int
    oldest_queued_at: float | None


def list_jobs(conn: sa.Connection, which: JobFilter) -> Page:
    """One page of jobs, at most LIMIT long."""
    limit = max(1, min(which.limit, LIMIT))
    order = jobs.c.id.asc() if which.ascending else jobs.c.id.desc()
    query = sa.select(jobs).where(*_conditions(which)).order_by(order).limit(limit + 1)
    found = [to_job(row) for row in conn.execute(query)]
    page = tuple(found[:limit])
    return Page(page, page[-1].id if len(found) > limit else None)


def counts(conn: sa.Connection, account_id: str | None = None) -> Counts:
    """How many jobs wait and run, of one account or of all."""
    query = (
        sa.select(jobs.c.state, sa.func.count(), sa.func.min(jobs.c.created_at))
        .where(jobs.c.state.in_((JobState.QUEUED, JobState.RUNNING)), jobs.c.kind.not_in(GROUPS))
        .group_by(jobs.c.state)
    )
    if account_id is not None:
        query = query.where(jobs.c.account_id == account_id)
    rows = {state: (count, oldest) for state, count, oldest in conn.execute(query)}
    queued, oldest = rows.get(JobState.QUEUED, (0, None))
    return Counts(queued, rows.get(JobState.RUNNING, (0, None))[0], oldest)


def by_state(conn: sa.Connection, account_id: str) -> dict[JobState, int]:
    """How many jobs of an account are in each state; those that only group others left out."""
    query = (
        sa.select(jobs.c.state, sa.func.count())
        .where(jobs.c.account_id == account_id, jobs.c.kind.not_in(GROUPS))
        .group_by(jobs.c.state)
    )
    return {JobState(state): number for state, number in conn.execute(query)}


def queue_position(conn: sa.Connection, job_id: str) -> int | None:
    """1 = next; None for a job that does not wait. Fair share between accounts may change it."""
    job = find(conn, job_id)
    if job is None or job.state is not JobState.QUEUED:
        return None
    sooner = sa.or_(
        jobs.c.priority > job.priority,
        sa.and_(jobs.c.priority == job.priority, jobs.c.id < job.id),
    )
    waiting = sa.and_(jobs.c.state == JobState.QUEUED, jobs.c.kind.not_in(GROUPS))
    ahead = conn.scalar(sa.select(sa.func.count()).select_from(jobs).where(waiting, sooner))
    return (ahead or 0) + 1


def _conditions(which: JobFilter) -> list[Any]:
    wanted: list[Any] = []
    for name in ("account_id", "kind", "parent_id", "dialect"):
        value = getattr(which, name)
        if value is not None:
            wanted.append(jobs.c[name] == value)
    if which.states:
        wanted.append(jobs.c.state.in_(which.states))
    if which.top:
        wanted.append(jobs.c.parent_id.is_(None))
    if which.cursor is not None:
        after = jobs.c.id > which.cursor if which.ascending else jobs.c.id < which.cursor
        wanted.append(after)
    return wanted
