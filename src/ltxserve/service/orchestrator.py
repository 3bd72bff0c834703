"""Holds the lock, runs the engine while it holds it, and keeps house; one thread, one at a time.

Without the lock it waits: a second orchestrator takes over within seconds of the first one's end.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from ltxserve.db.database import Database
from ltxserve.errors import LtxserveError
from ltxserve.jobs import webhooks
from ltxserve.jobs.engine import DurableEngine, Lane
from ltxserve.jobs.lock import Lock
from ltxserve.jobs.webhooks import Deliverer
from ltxserve.service.housekeeping import Housekeeping
from ltxserve.service.placing import BODY, LANE
from ltxserve.service.running import Bench, Runner

_log = logging.getLogger(__name__)
_WEBHOOKS_AT_ONCE = 4


@dataclass(frozen=True)
class Rhythm:
    """Seconds: between looks for the lock and at it, at the lanes, between rounds of housekeeping.

    grace: that runs have to finish when we close, before they are handed back.
    """

    lock: float = 1.0
    jobs: float = 0.05
    webhooks: float = 1.0
    reconcile: float = 15.0
    sweep: float = 60.0
    grace: float = 30.0


class Orchestrator:
    """Runs jobs as long as this process has the lock."""

    def __init__(  # the parts are made by the composition root, each with a life of its own
        self,
        database: Database,
        bench: Bench,
        deliverer: Deliverer,
        housekeeping: Housekeeping,
        lock: Lock,
        rhythm: Rhythm = Rhythm(),
    ) -> None:
        self._database, self._bench, self._deliverer = database, bench, deliverer
        self._housekeeping, self._lock, self._rhythm = housekeeping, lock, rhythm
        self._stop = threading.Event()
        self._active = threading.Event()
        self._thread = threading.Thread(target=self._live, name="orchestrator", daemon=True)

    @property
    def is_active(self) -> bool:
        """Whether this process runs the jobs now."""
        return self._active.is_set()

    def start(self) -> None:
        """Begin in a thread of its own; returns at once."""
        self._thread.start()

    def wait_active(self, seconds: float) -> bool:
        """Wait until the lock is ours and the engine runs."""
        return self._active.wait(seconds)

    def close(self, grace: float | None = None) -> None:
        """Let runs finish for `grace` seconds, hand the others back, give up the lock."""
        if grace is not None:
            self._grace = grace
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    _grace: float | None = None

    def _live(self) -> None:
        while not self._stop.is_set():
            try:
                if self._lock.take():
                    self._reign()
                else:
                    self._stop.wait(self._rhythm.lock)
            except Exception:  # noqa: BLE001 - the door of the orchestrator: say it, try again
                _log.exception("the orchestrator broke; it starts again")
                self._stop.wait(self._rhythm.lock)
            finally:
                self._lock.release()

    def _reign(self) -> None:
        """From taking the lock until it is lost or we are told to stop."""
        runner = Runner(self._bench)
        rhythm, width = self._rhythm, self._width()
        bodies = {BODY: runner.run, webhooks.BODY: self._deliverer.run}
        lanes = (
            Lane(LANE, width, rhythm.jobs),
            Lane(webhooks.LANE, _WEBHOOKS_AT_ONCE, rhythm.webhooks),
        )
        engine = DurableEngine(self._database, bodies, lanes)
        engine.start()
        self._active.set()
        try:
            self._keep_house(engine, width)
        finally:
            self._active.clear()
            # An orphan that lost its lock must not go on while another one runs its jobs.
            lost = not self._stop.is_set()
            grace = 0.0 if lost else rhythm.grace if self._grace is None else self._grace
            runner.close(grace, keep=lost)
            engine.close()

    def _keep_house(self, engine: DurableEngine, width: int) -> None:
        rhythm, now = self._rhythm, time.monotonic()
        due = {"reconcile": now + rhythm.lock, "sweep": now + rhythm.sweep}
        while not self._stop.wait(rhythm.lock):
            if not self._lock.held():
                _log.warning("the lock of the orchestrator is lost")
                return
            now = time.monotonic()
            if self._width() != width:
                width = self._width()
                self._task(lambda wide=width: engine.widen(LANE, wide))
            if now >= due["reconcile"]:
                due["reconcile"] = now + rhythm.reconcile
                self._task(self._housekeeping.reconcile)
            if now >= due["sweep"]:
                due["sweep"] = now + rhythm.sweep
                self._task(self._housekeeping.sweep)

    def _width(self) -> int:
        try:
            return max(1, len(self._bench.pool.slots()))
        except LtxserveError:
            return 1

    def _task(self, task: Callable[[], object]) -> None:
        try:
            task()
        except (LtxserveError, SQLAlchemyError, OSError):
            _log.exception("a round of housekeeping failed; the next one comes")
