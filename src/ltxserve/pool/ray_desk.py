"""One worker's place on a Ray cluster: what an actor is made of, though it knows no Ray itself.

Ray chooses its node, and starts it again elsewhere when that dies. The worker is a process below
it, as on one machine: work never holds up the actor, and can be killed without it.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from ltxserve.pool.base import (
    Json,
    NoFreeSlot,
    Patience,
    PoolUnavailable,
    Report,
    Work,
    WorkerSpec,
)
from ltxserve.pool.local import LocalPool

TICK = 0.1
"""Seconds between looks for news, so that ten answers a second are the most."""


class Desk:
    """A pool of one local worker that answers in JSON, and closes while nobody looks at it.

    spec, patience: JSON of a WorkerSpec and a Patience. A desk that was not looked at for
    `patience.keep` seconds and has no work ends its worker, which frees the device's memory; the
    next call starts another.
    """

    def __init__(self, spec: str, patience: str) -> None:
        told = json.loads(spec)
        self._spec = WorkerSpec(**{**told, "devices": tuple(told["devices"])})
        self._patience = Patience(**json.loads(patience))
        self._boot = secrets.token_hex(8)
        self._lock = threading.Lock()
        self._order = 0
        self._looked = time.monotonic()
        self._shown: Json = {}
        self._pool: LocalPool | None = LocalPool(self._spec, self._patience)
        self._closing = threading.Event()
        threading.Thread(target=self._tend, name="desk-tend", daemon=True).start()

    def start(self, work: str) -> str:
        """Take work, if its worker is free: {"taken", "hint", "boot", "order"}."""
        told = json.loads(work)
        pool = self._open()
        taken, hint = True, ""
        try:
            pool.start(Work(told["job_id"], told["attempt"], told["payload"], told["model"]))
        except NoFreeSlot as error:
            taken, hint = False, error.hint
        with self._lock:
            self._order += 1
            order = self._order
        return json.dumps({"taken": taken, "hint": hint, "boot": self._boot, "order": order})

    def cancel(self, job_id: str) -> None:
        """As `GpuPool.cancel`."""
        self._open().cancel(job_id)

    def drop(self, job_id: str, attempt: str) -> None:
        """Kill the worker if it has this attempt of the job, which was given up."""
        pool = self._open()
        if pool.known().get(job_id) == int(attempt):
            pool.drop(job_id)

    def look(self, asked: str) -> str:
        """How things are, as soon as there is news, at the latest after `wait` seconds.

        asked: {"boot", "cursors": job -> cursor, "cancels": [job], "wait"}. The answer: {"boot",
        "order", "slot", "attempt" (of the work that is being done), "reports": job -> report}, and
        to whoever does not know this desk yet (another boot), also "known": job -> attempt.
        """
        told = json.loads(asked)
        pool = self._open()
        for job_id in told["cancels"]:
            pool.cancel(job_id)
        if told["boot"] != self._boot:
            return json.dumps({**self._seen(pool, told["cursors"]), "known": pool.known()})
        end = time.monotonic() + told["wait"]
        while True:
            self._closing.wait(TICK)
            seen = self._seen(pool, told["cursors"])
            # The order, too: short work may come and go between two looks.
            shown = {"slot": seen["slot"], "order": seen["order"]}
            news = shown != self._shown or any(map(_is_news, seen["reports"].values()))
            if news or time.monotonic() >= end or self._closing.is_set():
                self._shown = shown
                return json.dumps(seen)

    def close(self) -> None:
        """End the worker for good; only tests need it, an actor just ends."""
        with self._lock:
            self._closing.set()
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()

    def _seen(self, pool: LocalPool, cursors: Mapping[str, int]) -> dict[str, Any]:
        with self._lock:
            order, self._looked = self._order, time.monotonic()
        # In this order: whoever hears of an end sees the slot free, too.
        reports = {job: _shown(pool.poll(job, after)) for job, after in cursors.items()}
        (slot,) = pool.slots()
        attempt = pool.known().get(slot.busy_with, 0) if slot.busy_with else 0
        return {
            "boot": self._boot,
            "order": order,
            "slot": asdict(slot),
            "attempt": attempt,
            "reports": reports,
        }

    def _open(self) -> LocalPool:
        """The pool, begun again after a rest. Raises PoolUnavailable after `close`."""
        with self._lock:
            if self._closing.is_set():
                raise PoolUnavailable("pool_unavailable", "The desk is closed.")
            self._looked = time.monotonic()
            if self._pool is None:
                self._pool = LocalPool(self._spec, self._patience)
            return self._pool

    def _tend(self) -> None:
        pause = min(10.0, self._patience.keep / 4)
        while not self._closing.wait(pause):
            self.rest(time.monotonic())

    def rest(self, now: float) -> None:
        """End the worker if nobody has looked for long and it has nothing to do."""
        with self._lock:
            pool = self._pool
            if pool is None or now - self._looked < self._patience.keep:
                return
            if any(slot.busy_with for slot in pool.slots()):
                return
            self._pool = None
        pool.close()


def _is_news(report: Json) -> bool:
    return bool(report["updates"]) or report["state"] != "running"


def _shown(report: Report) -> dict[str, Any]:
    return {**asdict(report), "updates": list(report.updates)}
