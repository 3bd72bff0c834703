"""How a job ends: state, money, event, parent and webhook in one transaction; decides nothing.

Whoever loses the race for the job's end changes nothing at all. Locks are taken in one order
everywhere: the job, then its account, then its parent.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from ltxserve.credits import ledger
from ltxserve.db.ids import new_id
from ltxserve.db.tables import artifacts, jobs
from ltxserve.jobs import events, store, webhooks
from ltxserve.jobs.engine import Enqueuer
from ltxserve.jobs.rows import Job, Json, Outcome
from ltxserve.jobs.states import ACTIVE, TERMINAL, JobState
from ltxserve.service.charging import Charge, held_price

BATCH = "batch"
_BATCH_FAILED = {
    "code": "batch_failed",
    "message": "None of the batch's jobs succeeded.",
    "hint": "Look at the jobs themselves; each says why.",
}
_DONE = {"stage": None, "step": None, "of": None, "percent": 100.0, "eta_seconds": 0.0}


@dataclass(frozen=True)
class Endings:
    """The three ends. keep_seconds: how long results stay before the sweeper removes them.

    charge: what a job costs, by its plan as it came out.
    """

    enqueuer: Enqueuer
    keep_seconds: float
    charge: Charge = held_price

    def succeed(self, conn: sa.Connection, job: Job, outcome: Outcome) -> bool:
        """running -> succeeded and paid, by this attempt only; False when it came too late."""
        # What was said when it was taken (another model, a size that was fitted) stays said.
        said = dict.fromkeys([*(job.warnings or ()), *(outcome.warnings or ())])
        price = self.charge(job, outcome.plan)
        until = time.time() + self.keep_seconds
        kept = replace(outcome, warnings=[*said], expires_at=until, price=price)
        store.set_progress(conn, job.id, job.attempt, dict(_DONE))
        if not store.succeed(conn, job.id, job.attempt, kept):
            return False
        ledger.settle(conn, job.id, job.price - price)
        if price != job.price and job.parent_id is not None:
            store.add_price(conn, job.parent_id, price - job.price)
        _note_artifacts(conn, job, outcome.result)
        self._told(conn, job, JobState.SUCCEEDED, {"result": _public(outcome.result)})
        return True

    def fail(self, conn: sa.Connection, job: Job, error: Json, attempt: int | None = None) -> bool:
        """queued or running -> failed and free; attempt None = whichever is the newest."""
        if not store.fail(conn, job.id, attempt, error):
            return False
        ledger.release(conn, job.id)
        self._told(conn, job, JobState.FAILED, {"error": error})
        return True

    def cancel(self, conn: sa.Connection, job: Job, attempt: int | None = None) -> bool:
        """queued or running -> cancelled and free."""
        if not store.cancel(conn, job.id, attempt):
            return False
        ledger.release(conn, job.id)
        self._told(conn, job, JobState.CANCELLED, {})
        return True

    def begin_parent(self, conn: sa.Connection, parent_id: str | None) -> None:
        """The first job of a batch runs, so the batch does."""
        if parent_id is None:
            return
        parent = store.find(conn, parent_id)
        waits = parent is not None and parent.state is JobState.QUEUED
        if waits and store.claim(conn, parent_id, "") is not None:
            events.append(conn, parent_id, "running", {})

    def close_parent(self, conn: sa.Connection, parent_id: str) -> bool:
        """End a batch whose jobs are all over; True for the one caller who ended it."""
        parent = _locked(conn, parent_id)
        if parent is None or parent.is_terminal:
            return False
        count = _children(conn, parent_id)
        total, open_jobs = sum(count.values()), sum(count[state] for state in ACTIVE)
        done = {"stage": "children", "step": total - open_jobs, "of": total}
        if open_jobs:
            store.set_progress(conn, parent_id, parent.attempt, done)
            events.append(conn, parent_id, "progress", done)
            return False
        return self._end_parent(conn, parent, count)

    def _end_parent(self, conn: sa.Connection, parent: Job, count: dict[JobState, int]) -> bool:
        result = {str(state): count[state] for state in TERMINAL}
        if count[JobState.SUCCEEDED]:
            # A cancelled flag would keep it from running; its jobs have run, so it has.
            _run_parent(conn, parent)
            ended = store.succeed(conn, parent.id, parent.attempt, Outcome({"children": result}))
            state = JobState.SUCCEEDED
        elif count[JobState.FAILED]:
            ended, state = store.fail(conn, parent.id, None, _BATCH_FAILED), JobState.FAILED
        else:
            ended, state = store.cancel(conn, parent.id), JobState.CANCELLED
        if ended:
            self._told(conn, parent, state, {"children": result})
        return ended

    def _told(self, conn: sa.Connection, job: Job, state: JobState, data: Json) -> None:
        events.append(conn, job.id, state.value, data)
        if job.webhook_url is not None:
            webhooks.schedule(conn, self.enqueuer, store.get(conn, job.id))
        if job.parent_id is not None:
            self.close_parent(conn, job.parent_id)


def _locked(conn: sa.Connection, job_id: str) -> Job | None:
    query = sa.select(jobs.c.id).where(jobs.c.id == job_id).with_for_update()
    return None if conn.scalar(query) is None else store.find(conn, job_id)


def _children(conn: sa.Connection, parent_id: str) -> dict[JobState, int]:
    query = (
        sa.select(jobs.c.state, sa.func.count())
        .where(jobs.c.parent_id == parent_id)
        .group_by(jobs.c.state)
    )
    found = {JobState(state): count for state, count in conn.execute(query)}
    return {state: found.get(state, 0) for state in JobState}


def _run_parent(conn: sa.Connection, parent: Job) -> None:
    change = sa.update(jobs).where(jobs.c.id == parent.id, jobs.c.state == JobState.QUEUED)
    conn.execute(change.values(state=JobState.RUNNING))


def _note_artifacts(conn: sa.Connection, job: Job, result: Json) -> None:
    files: dict[str, dict[str, Any]] = result.get("artifacts", {})
    for name, file in files.items():
        conn.execute(
            artifacts.insert().values(
                id=new_id(),
                account_id=job.account_id,
                job_id=job.id,
                attempt=job.attempt,
                name=name,
                created_at=time.time(),
                **file,
            )
        )


def _public(result: Json) -> Json:
    """A result without the store's keys: how files are kept is nobody's business."""
    files = result.get("artifacts", {})
    shown = {
        name: {key: value for key, value in file.items() if key != "key"}
        for name, file in files.items()
    }
    return {**result, "artifacts": shown}
