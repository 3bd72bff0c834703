"""What is put right and cleared away now and then: stranded jobs, old results, old events.

Every task can be run at any time and any number of times; knows no clock of its own.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa

from ltxserve.db.database import Database
from ltxserve.db.ids import new_id
from ltxserve.db.tables import jobs
from ltxserve.jobs import events, store
from ltxserve.jobs.engine import Enqueuer
from ltxserve.jobs.states import ACTIVE, JobState
from ltxserve.service.endings import BATCH, Endings
from ltxserve.service.generations import Generations
from ltxserve.service.placing import ticket_of

_log = logging.getLogger(__name__)
_AT_ONCE = 500
EVENT_SECONDS = 3600.0
"""How long progress and previews are kept; the end of a job stays as long as the job."""
LONGEST_DELAY = 30.0
"""Seconds; far above those for which a run of a job is put off (RunLimits.postpone)."""
RUN_SECONDS = 24 * 3600.0
"""How long the engine's records of runs that are over are kept; for people who look into them."""
TOO_LONG = {
    "code": "job_timed_out",
    "message": "The job waited longer than it may.",
    "hint": "Submit it again when the service is less busy.",
}


@dataclass(frozen=True)
class Housekeeping:
    """queue_seconds: how long a job may wait. more: tasks of others, run with ours."""

    database: Database
    enqueuer: Enqueuer
    endings: Endings
    generations: Generations
    queue_seconds: float
    more: tuple[Callable[[], object], ...] = ()

    def reconcile(self) -> int:
        """Give jobs without a live run a new one, end batches whose jobs are over; how many."""
        return self._rerun_stranded() + self._close_batches()

    def sweep(self) -> int:
        """Remove what is due: jobs that waited too long, old progress, expired results.

        What needs the store comes last: a store that is away must not hold up the rest.
        """
        count = self._expire_queued()
        with self.database.begin() as conn:
            events.prune(conn, time.time() - EVENT_SECONDS)
        self.enqueuer.forget(time.time() - RUN_SECONDS)
        count += self._expire_results()
        for task in self.more:
            task()
        return count

    def _rerun_stranded(self) -> int:
        last, found = "", 0
        while ids := self._open_jobs(last):
            last = ids[-1]
            live = self.enqueuer.live(ids, LONGEST_DELAY)
            for job_id in ids:
                if job_id not in live:
                    found += self._rerun(job_id)
        return found

    def _open_jobs(self, after: str) -> list[str]:
        query = (
            sa.select(jobs.c.id)
            .where(jobs.c.state.in_(ACTIVE), jobs.c.kind != BATCH, jobs.c.id > after)
            .order_by(jobs.c.id)
            .limit(_AT_ONCE)
        )
        with self.database.read() as conn:
            return list(conn.scalars(query))

    def _rerun(self, job_id: str) -> int:
        with self.database.begin() as conn:
            job = store.find(conn, job_id)
            if job is None or job.is_terminal:
                return 0
            self.enqueuer.enqueue(conn, ticket_of(job, f"{job_id}.{new_id()}"))
        _log.warning("a job had no live run and got one", extra={"job_id": job_id})
        return 1

    def _close_batches(self) -> int:
        children = jobs.alias()
        still_open = sa.exists().where(
            children.c.parent_id == jobs.c.id, children.c.state.in_(ACTIVE)
        )
        query = sa.select(jobs.c.id).where(
            jobs.c.kind == BATCH, jobs.c.state.in_(ACTIVE), ~still_open
        )
        with self.database.read() as conn:
            found = list(conn.scalars(query))
        closed = 0
        for parent_id in found:
            with self.database.begin() as conn:
                closed += self.endings.close_parent(conn, parent_id)
        return closed

    def _expire_results(self) -> int:
        with self.database.read() as conn:
            due = store.expired(conn, time.time())
        for job in due:
            self.generations.remove_files(job.id)
        return len(due)

    def _expire_queued(self) -> int:
        query = sa.select(jobs.c.id).where(
            jobs.c.state == JobState.QUEUED,
            jobs.c.kind != BATCH,
            jobs.c.created_at < time.time() - self.queue_seconds,
        )
        with self.database.read() as conn:
            due = list(conn.scalars(query))
        ended = 0
        for job_id in due:
            with self.database.begin() as conn:
                job = store.find(conn, job_id)
                if job is not None and job.state is JobState.QUEUED:
                    ended += self.endings.fail(conn, job, dict(TOO_LONG))
        return ended
