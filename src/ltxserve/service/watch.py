"""Watches one attempt of a job until it is decided: progress, cancel, silence, time; ends nothing.

All waiting is measured on this process's own monotonic clock, never between two wall clocks.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy.exc import SQLAlchemyError

from ltxserve.db.database import Database
from ltxserve.errors import DatabaseUnavailable
from ltxserve.jobs import events, store
from ltxserve.jobs.rows import Job, Json
from ltxserve.pool.base import GpuPool, PoolUnavailable, Report
from ltxserve.service.course import Course, progress_of
from ltxserve.service.signals import Signals

_log = logging.getLogger(__name__)
Kind = Literal["succeeded", "failed", "lost", "cancelled", "over", "left"]
Clock = Callable[[], float]


@dataclass(frozen=True)
class RunLimits:
    """Seconds of patience with a run, and how often it is tried.

    pace: between looks at the pool. look: between looks at the job's row. note: between writes of
    progress. start: from the start of an attempt to its first sign (a model may have to load);
    silence: between two signs. total: of an attempt, where the job has no time-out of its own.
    grace: from asking a worker to stop until it is given up. postpone: before a job of an account
    that runs as many as it may is tried again.
    losses: attempts that may lose their worker. attempts: in all, restarts of the service counted.
    """

    pace: float = 0.01
    look: float = 0.25
    note: float = 0.5
    start: float = 1800.0
    silence: float = 300.0
    total: float = 3600.0
    grace: float = 60.0
    postpone: float = 2.0
    losses: int = 3
    attempts: int = 12


@dataclass(frozen=True)
class Verdict:
    """What became of an attempt.

    `over`: the job has ended elsewhere, or a newer attempt has it. `left`: this process stops.
    error: of a failed or lost one. report: of one that succeeded.
    """

    kind: Kind
    error: Json | None = None
    report: Report | None = None


TIMED_OUT: Json = {
    "code": "job_timed_out",
    "message": "The job took longer than it may.",
    "hint": "Ask for a shorter or smaller clip, or for a longer timeout_seconds.",
}
SILENT: Json = {
    "code": "worker_lost",
    "message": "The worker gave no sign of progress.",
    "hint": "Try again; if it stays, a smaller clip may work.",
}
GONE: Json = {
    "code": "worker_lost",
    "message": "The worker that had the job is gone.",
    "hint": "Try again; if it stays, a smaller clip may work.",
}


class Watch:
    """One attempt under observation; `run` returns when it is decided."""

    def __init__(
        self,
        job: Job,
        pool: GpuPool,
        database: Database,
        limits: RunLimits,
        leaving: Callable[[], bool],
        clock: Clock = time.monotonic,
    ) -> None:
        self._job, self._pool, self._database = job, pool, database
        self._limits, self._leaving, self._clock = limits, leaving, clock
        self._course = Course.of(job.plan)
        self._begun = self._heard = self._looked = clock()
        self._first: float | None = None
        self._written = float("-inf")
        self._cursor = 0
        self._worker = job.worker
        self._waiting: list[Json] = []
        self._progress: Json = {}
        self._stopping: Verdict | None = None
        self._stopped_at = 0.0
        self._signals: Signals | None = None

    def run(self, signals: Signals) -> Verdict:
        """Observe until the attempt is decided. Raises only what the database cannot recover of."""
        self._signals = signals
        with signals.waking(self._job.id) as wake:
            while True:
                verdict = self._once(wake)
                if verdict is not None:
                    return verdict
                wake.wait(self._limits.pace)

    def _once(self, wake: threading.Event) -> Verdict | None:
        if self._leaving():
            return Verdict("left")
        report = self._poll()
        if report is not None:
            if report.attempt > self._job.attempt:
                return Verdict("over")
            self._hear(report)
            decided = self._decide(report)
            if decided is not None:
                return decided
        self._write()
        return self._check_row(wake) or self._check_time()

    def _poll(self) -> Report | None:
        try:
            return self._pool.poll(self._job.id, self._cursor)
        except PoolUnavailable as error:
            # It may come back; if not, silence decides.
            _log.warning("the pool does not answer: %s", error, extra={"job_id": self._job.id})
            return None

    def _hear(self, report: Report) -> None:
        self._cursor = max(self._cursor, report.next)
        if report.worker and report.worker != self._worker:
            self._worker = report.worker
            self._best_effort(self._note_worker)
        if report.updates:
            self._heard = self._clock()
            if self._first is None:
                self._first = self._heard
            self._waiting += [dict(update) for update in report.updates]

    def _decide(self, report: Report) -> Verdict | None:
        if report.state == "running":
            return None
        if report.state == "succeeded":
            return Verdict("succeeded", report=report)
        if self._stopping is not None:
            return self._stopping
        error = dict(report.error or GONE)
        if report.state == "failed":
            # A cancel that nobody asked for: the worker was shut down under the job.
            return Verdict("lost" if error.get("code") == "cancelled" else "failed", error)
        return Verdict("lost", error)

    def _check_row(self, wake: threading.Event) -> Verdict | None:
        now = self._clock()
        if not wake.is_set() and now - self._looked < self._limits.look:
            return None
        wake.clear()
        self._looked = now
        try:
            with self._database.read() as conn:
                job = store.find(conn, self._job.id)
        except (DatabaseUnavailable, SQLAlchemyError):
            return None
        if job is None or job.is_terminal or job.attempt != self._job.attempt:
            self._cancel()
            return Verdict("over")
        if job.cancel_requested:
            self._stop(Verdict("cancelled"))
        return None

    def _check_time(self) -> Verdict | None:
        now, limits = self._clock(), self._limits
        if self._stopping is not None:
            return self._stopping if now - self._stopped_at > limits.grace else None
        patience = limits.start if self._first is None else limits.silence
        if now - self._begun > (self._job.timeout_seconds or limits.total):
            self._stop(Verdict("failed", TIMED_OUT))
        elif now - self._heard > patience:
            self._stop(Verdict("lost", SILENT))
        return None

    def _stop(self, verdict: Verdict) -> None:
        """Ask the worker to stop; the verdict counts when it has, or has not for too long."""
        if self._stopping is None:
            self._stopping, self._stopped_at = verdict, self._clock()
            self._cancel()

    def _cancel(self) -> None:
        try:
            self._pool.cancel(self._job.id)
        except PoolUnavailable as error:
            _log.warning("cancel not delivered: %s", error, extra={"job_id": self._job.id})

    def _write(self) -> None:
        if not self._waiting or self._clock() - self._written < self._limits.note:
            return
        self._written = self._clock()
        updates, self._waiting = self._waiting, []
        elapsed = self._clock() - (self._first or self._clock())
        progress = progress_of(self._course, updates, self._progress, elapsed)
        self._progress = progress or self._progress
        self._best_effort(lambda: self._note(updates, progress))

    def _note(self, updates: Sequence[Json], progress: Json | None) -> None:
        pictures = [update for update in updates if update.get("preview")]
        with self._database.begin() as conn:
            job = self._job
            if progress is None and not pictures:
                return
            shown = progress or self._progress
            if not store.set_progress(conn, job.id, job.attempt, shown):
                return
            if progress is not None:
                events.append(conn, job.id, "progress", progress)
            if pictures:
                last = pictures[-1]
                seen = {name: last.get(name) for name in ("stage", "step", "of")}
                events.append(conn, job.id, "preview", {**seen, "image": last["preview"]})
        if self._signals is not None:
            self._signals.notify(job.id)

    def _note_worker(self) -> None:
        with self._database.begin() as conn:
            store.set_worker(conn, self._job.id, self._job.attempt, self._worker or "")

    def _best_effort(self, write: Callable[[], Any]) -> None:
        try:
            write()
        except (DatabaseUnavailable, SQLAlchemyError) as error:
            _log.warning("progress not written: %s", error, extra={"job_id": self._job.id})
