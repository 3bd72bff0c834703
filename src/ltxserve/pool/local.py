"""A pool on this machine: one process per GPU, or one on the CPU; its workers die with it."""

from __future__ import annotations

import threading
import time

from ltxserve.pool.base import NoFreeSlot, Patience, PoolUnavailable, Report, Slot, Work, WorkerSpec
from ltxserve.pool.devices import gpus
from ltxserve.pool.keeper import Keeper
from ltxserve.pool.records import Records


class LocalPool:
    """Implements `GpuPool` with processes of this machine; nothing outlives it."""

    def __init__(self, spec: WorkerSpec, patience: Patience) -> None:
        self._lock = threading.Lock()
        self._closed = False
        self._records = Records(time.monotonic, patience.keep)
        self._keepers = [
            Keeper(f"local-{number}", device, spec, patience, self._records)
            for number, device in enumerate(spec.devices or gpus() or ("cpu",))
        ]

    def start(self, work: Work) -> None:
        with self._lock:
            if self._closed:
                raise PoolUnavailable("pool_unavailable", "The pool is closed.")
            begun = self._records.attempt(work.job_id)
            if work.attempt <= begun:
                return
            if begun:
                self.drop(work.job_id)
            for keeper in self._in_order(work.model):
                if keeper.take(work):
                    return
        raise NoFreeSlot(hint=self._why_not())

    def poll(self, job_id: str, after: int = 0) -> Report:
        return self._records.report(job_id, after)

    def cancel(self, job_id: str) -> None:
        for keeper in self._keepers:
            keeper.cancel(job_id)

    def slots(self) -> tuple[Slot, ...]:
        return tuple(keeper.slot() for keeper in self._keepers)

    def close(self) -> None:
        with self._lock:
            self._closed = True
        for keeper in self._keepers:
            keeper.close()
        for keeper in self._keepers:
            keeper.join()

    def known(self) -> dict[str, int]:
        """Every job that is remembered, with the attempt that was begun last."""
        return self._records.known()

    def drop(self, job_id: str) -> None:
        """Kill the worker that has this job: the attempt has been given up."""
        for keeper in self._keepers:
            keeper.drop(job_id)

    def _in_order(self, model: str) -> list[Keeper]:
        """Those that hold the model first."""
        return sorted(self._keepers, key=lambda keeper: keeper.slot().model != (model or None))

    def _why_not(self) -> str:
        broken = [slot for slot in self.slots() if slot.state == "broken"]
        if broken:
            return f"{broken[0].name} cannot start: {broken[0].message}"
        return NoFreeSlot().hint
