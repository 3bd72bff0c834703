"""What happened to a job, in order, for those who listen; knows no sockets and no webhooks."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa

from ltxserve.db.tables import job_events, jobs
from ltxserve.errors import NotFound

Kind = Literal["queued", "running", "progress", "preview", "succeeded", "failed", "cancelled"]
PASSING: tuple[Kind, ...] = ("progress", "preview")
"""Kinds that are of no interest once the job is over."""


@dataclass(frozen=True)
class Event:
    """One event: seq rises by one per job, from 1; created_at in seconds UTC."""

    job_id: str
    seq: int
    kind: str
    data: dict[str, Any]
    created_at: float


def append(conn: sa.Connection, job_id: str, kind: Kind, data: dict[str, Any]) -> int:
    """Add an event and return its number. Raises NotFound `job_not_found`.

    The number comes from the job's own row, so two writers wait for each other, also on PostgreSQL.
    """
    seq = conn.scalar(
        sa.update(jobs)
        .where(jobs.c.id == job_id)
        .values(last_event=jobs.c.last_event + 1)
        .returning(jobs.c.last_event)
    )
    if seq is None:
        raise NotFound("job_not_found", "There is no such job.", "Check the id.", "id")
    conn.execute(
        job_events.insert().values(
            job_id=job_id, seq=seq, kind=kind, data=data, created_at=time.time()
        )
    )
    return seq


def read(conn: sa.Connection, job_id: str, after: int = 0, limit: int = 1000) -> list[Event]:
    """Events with a number above `after`, in order; [] when there is nothing new."""
    query = (
        sa.select(job_events)
        .where(job_events.c.job_id == job_id, job_events.c.seq > after)
        .order_by(job_events.c.seq)
        .limit(limit)
    )
    return [Event(**row._mapping) for row in conn.execute(query)]


def prune(conn: sa.Connection, before: float) -> int:
    """Remove progress and previews of before a time (seconds UTC), of any job; returns how many."""
    gone = sa.delete(job_events).where(
        job_events.c.created_at < before, job_events.c.kind.in_(PASSING)
    )
    return conn.execute(gone).rowcount
