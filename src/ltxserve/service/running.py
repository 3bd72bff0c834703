"""Runs a job to its end: a free worker, a claim, an attempt, another one; the money with the end.

The body of the engine's runs. Whatever happens, the job ends or is left for the next engine; only
the newest attempt can end it. Knows no model: what workers do with a payload is theirs.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from ltxserve.db.database import Database
from ltxserve.db.ids import new_id
from ltxserve.db.tables import accounts
from ltxserve.errors import DatabaseUnavailable, LtxserveError, StorageError
from ltxserve.jobs import events, store
from ltxserve.jobs.engine import LeftForLater, Step
from ltxserve.jobs.listing import counts
from ltxserve.jobs.rows import Job, Json, Outcome
from ltxserve.jobs.states import JobState
from ltxserve.pool.base import GpuPool, NoFreeSlot, PoolUnavailable, Report, Work
from ltxserve.service.endings import Endings
from ltxserve.service.leftovers import clear, prefix_of
from ltxserve.service.placing import ticket_of
from ltxserve.service.signals import Signals
from ltxserve.service.watch import GONE, RunLimits, Verdict, Watch
from ltxserve.storage.base import ArtifactStore

_log = logging.getLogger(__name__)
Value = TypeVar("Value")

RETRIES = {"out_of_memory": 1, "storage_unavailable": 2}
"""Code of a failure -> how often the job is tried again. A lost worker: see RunLimits.losses."""
_UNSTORED = ("seed", "timings", "warnings", "plan")
_LONGEST_PAUSE = 5.0


class _Full(Exception):  # noqa: N818 - rolls a claim back
    """The account runs as many jobs as it may."""


@dataclass(frozen=True)
class Bench:
    """What a runner works with. outlives: whether the pool's work goes on when we close."""

    database: Database
    pool: GpuPool
    store: ArtifactStore
    endings: Endings
    signals: Signals
    limits: RunLimits
    outlives: bool = False


class Runner:
    """Runs jobs, one per call of `run`, each in a thread of the engine."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._limits = bench.limits
        self._leave_at: float | None = None
        self._keeps = bench.outlives
        self._busy = 0
        self._idle = threading.Condition()

    def run(self, job_id: str, step: Step) -> str:
        """Run the job until it has ended here or elsewhere; returns a word for the engine's log."""
        with self._counted():
            try:
                return self._run(job_id, step)
            except Exception as error:  # noqa: BLE001 - the door of the worker loop: a job ends
                _log.exception("a run broke", extra={"job_id": job_id})
                known = isinstance(error, LtxserveError)
                self._fail(job_id, error.to_dict() if known else _broken(error))
                return "failed"

    def close(self, seconds: float, keep: bool = False) -> bool:
        """Start nothing more, let runs finish for so long, leave the rest for the next engine.

        keep: the workers go on although we stop, so that the next engine may find their work.
        Returns whether every run has left in time.
        """
        with self._idle:
            self._keeps = self._keeps or keep
            self._leave_at = time.monotonic() + seconds
            self._idle.notify_all()
            return self._idle.wait_for(lambda: self._busy == 0, seconds + _LONGEST_PAUSE)

    def _run(self, job_id: str, step: Step) -> str:
        lost: list[Json] = []
        while len(lost) < self._limits.losses:
            end = step(f"attempt-{len(lost) + 1}", lambda: self._attempt(job_id, lost))
            if end["end"] != "lost":
                return str(end["end"])
            lost.append(end)
        self._fail(job_id, _poisoned(lost))
        return "failed"

    def _attempt(self, job_id: str, lost: Sequence[Json]) -> Json:
        """One attempt; a step of the engine, so what it returns is what later runs go by."""
        if self._closing:
            raise LeftForLater
        job = self._insist(lambda: self._find(job_id))
        if job is None or job.is_terminal:
            return {"end": "over"}
        if job.attempt >= self._limits.attempts:
            self._fail(job_id, _poisoned([*lost, {"error": GONE}]))
            return {"end": "failed"}
        if not self._is_under_way(job, lost):
            started = self._start(job)
            if isinstance(started, str):
                return {"end": started}
            job = started
        bench = self._bench
        watch = Watch(job, bench.pool, bench.database, self._limits, lambda: self._leaving)
        return self._end(job, watch.run(bench.signals), lost)

    def _is_under_way(self, job: Job, lost: Sequence[Json]) -> bool:
        """Whether a worker still has, or has just finished, what an engine before us started."""
        given_up = bool(lost) and lost[-1]["attempt"] >= job.attempt
        if job.state is not JobState.RUNNING or given_up:
            return False
        report = self._patiently(lambda: self._bench.pool.poll(job.id))
        known = report.state in ("running", "succeeded", "failed")
        return known and report.attempt == job.attempt

    def _start(self, job: Job) -> Job | str:
        """The job claimed and given to a worker, or a word for why not."""
        looked = time.monotonic()
        while not self._has_room():
            if time.monotonic() - looked > self._limits.look:
                looked = time.monotonic()
                now = self._insist(lambda: self._find(job.id))
                if now is None or now.is_terminal:
                    return "over"
            self._pause(self._limits.pace)
            if self._closing:
                raise LeftForLater
        claimed = self._insist(lambda: self._claim(job))
        if isinstance(claimed, str):
            return claimed
        self._bench.signals.notify(job.id, job.parent_id)
        return self._give(claimed)

    def _has_room(self) -> bool:
        return any(slot.state == "ready" for slot in self._patiently(self._bench.pool.slots))

    def _claim(self, job: Job) -> Job | str:
        bench = self._bench
        try:
            with bench.database.begin() as conn:
                claimed = store.claim(conn, job.id, "")
                if claimed is None:
                    # Asked to be cancelled before it could start, or over.
                    bench.endings.cancel(conn, job)
                    return "over"
                _check_room(conn, claimed)
                events.append(conn, job.id, "running", {"attempt": claimed.attempt})
                bench.endings.begin_parent(conn, job.parent_id)
                return claimed
        except _Full:
            return self._postpone(job)

    def _postpone(self, job: Job) -> str:
        """Another run later, so that this one's place in the lane is free for other accounts."""
        bench = self._bench
        with bench.database.begin() as conn:
            later = ticket_of(job, f"{job.id}.{new_id()}", self._limits.postpone)
            bench.endings.enqueuer.enqueue(conn, later)
        return "postponed"

    def _give(self, job: Job) -> Job | str:
        request = dict(job.request)
        payload = {
            "job_id": job.id,
            "attempt": job.attempt,
            "account_id": job.account_id,
            "kind": job.kind,
            "request": request,
        }
        work = Work(job.id, job.attempt, payload, str(request.get("model") or ""))
        while True:
            try:
                self._patiently(lambda: self._bench.pool.start(work))
                return job
            except NoFreeSlot:
                self._pause(self._limits.pace)
            now = self._insist(lambda: self._find(job.id))
            if now is None or now.is_terminal or now.cancel_requested:
                self._insist(lambda: self._ended(job, Verdict("cancelled")))
                return "over"

    def _end(self, job: Job, verdict: Verdict, lost: Sequence[Json]) -> Json:
        if verdict.kind == "left":
            self._hand_back(job)
            raise LeftForLater
        verdict = self._readable(verdict)
        error = verdict.error or GONE
        code = str(error.get("code", ""))
        tried = sum(1 for one in lost if one["error"].get("code") == code)
        again = verdict.kind == "failed" and tried < RETRIES.get(code, 0)
        if verdict.kind == "lost" or again:
            _log.warning("attempt %d ended: %s", job.attempt, error, extra={"job_id": job.id})
            return {"end": "lost", "error": error, "attempt": job.attempt}
        if verdict.kind != "over":
            won = self._insist(lambda: self._ended(job, verdict))
            self._bench.signals.notify(job.id, job.parent_id)
            lasting = job.attempt if won else job.attempt + 1
            ids = (job.account_id, job.id)
            clear(self._bench.store, (prefix_of(*ids, number) for number in range(1, lasting)))
        return {"end": verdict.kind}

    def _readable(self, verdict: Verdict) -> Verdict:
        """A success whose files cannot be read back is a failure of the store."""
        if verdict.report is None:
            return verdict
        for name, file in ((verdict.report.result or {}).get("artifacts") or {}).items():
            try:
                stored = self._bench.store.stat(file["key"])
            except StorageError as error:
                return Verdict("failed", error.to_dict())
            if stored is None or stored.bytes != file["bytes"]:
                message = f"The {name} was stored but cannot be read back."
                lost = StorageError("storage_unavailable", message, "Try again.")
                return Verdict("failed", lost.to_dict())
        return verdict

    def _ended(self, job: Job, verdict: Verdict) -> bool:
        """End the job; whether it has succeeded, so that its files are kept."""
        bench = self._bench
        with bench.database.begin() as conn:
            now = store.request_cancel(conn, job.id) if verdict.kind == "cancelled" else None
            now = now or store.get(conn, job.id)
            if now.is_terminal:
                return now.state is JobState.SUCCEEDED
            if now.cancel_requested:
                # Cancelled while the last frames came: whoever cancels pays nothing.
                bench.endings.cancel(conn, job, job.attempt)
            elif verdict.report is not None:
                return bench.endings.succeed(conn, job, outcome_of(verdict.report))
            else:
                bench.endings.fail(conn, job, verdict.error or GONE, job.attempt)
        return False

    def _fail(self, job_id: str, error: Json) -> None:
        def write() -> Job | None:
            with self._bench.database.begin() as conn:
                job = store.find(conn, job_id)
                if job is not None and not job.is_terminal:
                    if job.cancel_requested:
                        self._bench.endings.cancel(conn, job)
                    else:
                        self._bench.endings.fail(conn, job, error)
                return job

        job = self._insist(write)
        self._bench.signals.notify(job_id, job.parent_id if job else None)

    def _hand_back(self, job: Job) -> None:
        """A worker that ends with us cannot finish the job, so it waits again."""
        if self._keeps:
            return
        try:
            with self._bench.database.begin() as conn:
                if store.requeue(conn, job.id, job.attempt):
                    events.append(conn, job.id, "queued", {"handed_back": True})
        except (DatabaseUnavailable, SQLAlchemyError):
            _log.warning("a job could not be handed back", extra={"job_id": job.id})

    def _find(self, job_id: str) -> Job | None:
        with self._bench.database.read() as conn:
            return store.find(conn, job_id)

    def _insist(self, work: Callable[[], Value]) -> Value:
        """Do it, however long the database is away; only closing ends the wait."""
        pause = 0.1
        while True:
            try:
                return work()
            except DatabaseUnavailable as error:
                _log.warning("waiting for the database: %s", error)
                self._pause(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)

    def _patiently(self, work: Callable[[], Value]) -> Value:
        """Do it, however long the pool is away."""
        pause = 0.1
        while True:
            try:
                return work()
            except PoolUnavailable as error:
                _log.warning("waiting for the pool: %s", error)
                self._pause(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)

    def _pause(self, seconds: float) -> None:
        with self._idle:
            end = time.monotonic() + seconds
            while (
                not self._leaving
                and (left := min(end, self._leave_at or end) - time.monotonic()) > 0
            ):
                self._idle.wait(left)
        if self._leaving:
            raise LeftForLater

    @property
    def _closing(self) -> bool:
        return self._leave_at is not None

    @property
    def _leaving(self) -> bool:
        return self._leave_at is not None and time.monotonic() >= self._leave_at

    @contextmanager
    def _counted(self) -> Iterator[None]:
        with self._idle:
            self._busy += 1
        try:
            yield
        finally:
            with self._idle:
                self._busy -= 1
                self._idle.notify_all()


def outcome_of(report: Report) -> Outcome:
    """What a worker's result adds to the job's row."""
    result = dict(report.result or {})
    known = {name: result.pop(name, None) for name in _UNSTORED}
    return Outcome(result=result, **known)


def _check_room(conn: sa.Connection, job: Job) -> None:
    """Raises _Full when the job, claimed just now, is one too many for its account."""
    limit = conn.scalar(
        sa.select(accounts.c.max_running).where(accounts.c.id == job.account_id).with_for_update()
    )
    if limit is not None and counts(conn, job.account_id).running > limit:
        raise _Full


def _poisoned(lost: Sequence[Json]) -> Json:
    last = lost[-1]["error"]
    if last.get("code") in RETRIES:
        return last
    why = f"{len(lost)} workers were lost with this job. {last.get('message', '')}"
    return {
        "code": "worker_lost",
        "message": why.strip(),
        "hint": "The job itself may be what breaks them: try a smaller or shorter clip.",
    }


def _broken(error: Exception) -> Json:
    return {
        "code": "internal_error",
        "message": f"The service broke while it ran the job: {type(error).__name__}.",
        "hint": "The job's id finds the cause in the service's log.",
    }
