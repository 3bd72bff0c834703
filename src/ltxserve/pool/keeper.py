"""Keeps one worker process alive: serves it, notices its death or silence, replaces it.

It knows one slot and the records; who gets which work is decided elsewhere.
"""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import dataclass, field

from ltxserve.errors import Cancelled, LtxserveError
from ltxserve.pool.base import Json, Patience, Slot, SlotState, Work, WorkerSpec, WorkState
from ltxserve.pool.process import Process
from ltxserve.pool.records import Records
from ltxserve.pool.wire import Line
from ltxserve.pool.worker import LEAVE

TICK = 0.1
"""Seconds between looks at a worker that says nothing."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 60.0
"""Seconds before a worker that could not start is tried again; doubled every time."""
SPARE_PAUSE, SPARE_PAUSE_BUSY = 2.0, 20.0
"""Seconds from a worker's start, or the last spare's, to the next spare's: loading libraries takes
seconds of a core, and poisoned work must not start a storm of processes."""


@dataclass
class _Life:
    """What is true of one worker process, from its start to its end."""

    state: SlotState = "starting"
    work: Work | None = None
    model: str = ""
    was_ready: bool = False
    ready_at: float = 0.0
    start_error: Json | None = None
    doomed: LtxserveError | None = None
    """Why it is to be killed at once."""
    stop_by: float | None = None
    """When the grace of a cancel ends."""
    process: Process | None = field(default=None, repr=False)


class Silence:
    """Seconds without a sign of life, as the observer lived through them.

    A look that comes late counts as one that came in time: where this process was itself held up
    (stopped, swapped out), what was said meanwhile has only not been heard yet.
    """

    def __init__(self, now: float) -> None:
        self.seconds = 0.0
        self._looked = now

    def look(self, now: float, heard: bool) -> None:
        """One look at the worker, at `now` of a clock that never goes back."""
        self.seconds = 0.0 if heard else self.seconds + min(now - self._looked, 2 * TICK)
        self._looked = now


class Keeper:
    """A slot: a device and the process that serves it, replaced for as long as the pool is open."""

    def __init__(
        self, name: str, device: str, spec: WorkerSpec, patience: Patience, records: Records
    ) -> None:
        self.name = name
        self.device = device
        self._spec = spec
        self._patience = patience
        self._records = records
        self._lock = threading.Lock()
        self._life = _Life()
        self._message = ""
        self._closing = threading.Event()
        self._spare: Process | None = None
        self._spare_at = float("-inf")
        self._thread = threading.Thread(target=self._keep, name=f"pool-{name}", daemon=True)
        self._thread.start()

    def slot(self) -> Slot:
        """What is seen from outside."""
        with self._lock:
            life = self._life
            busy = life.work.job_id if life.work else None
            return Slot(self.name, self.device, busy, life.state, life.model, self._message)

    def take(self, work: Work) -> bool:
        """Give it work, if it is free and alive; whether it took it."""
        with self._lock:
            life = self._life
            process = life.process
            if life.state != "ready" or life.doomed or process is None or not process.alive:
                return False
            order = {"job_id": work.job_id, "attempt": work.attempt, "payload": dict(work.payload)}
            process.send({"do": order})  # first: it raises for a payload that is no JSON
            self._records.begin(work.job_id, work.attempt, self.name)
            life.state, life.work, life.stop_by = "busy", work, None
            return True

    def cancel(self, job_id: str) -> None:
        """Ask for the end of this job, if it is the one; enforced when the grace is over."""
        with self._lock:
            life = self._life
            if life.work is None or life.work.job_id != job_id or life.process is None:
                return
            life.process.send({"cancel": [job_id, life.work.attempt]})
            if life.stop_by is None:
                life.stop_by = time.monotonic() + self._patience.grace

    def drop(self, job_id: str) -> None:
        """Kill the worker of this job now: its attempt has been given up."""
        with self._lock:
            if self._life.work is not None and self._life.work.job_id == job_id:
                self._life.doomed = LtxserveError("worker_lost", "The attempt was given up.")

    def close(self) -> None:
        """Begin to end; `join` waits for it."""
        self._closing.set()

    def join(self) -> None:
        """Wait until the process is gone."""
        self._thread.join()

    def _keep(self) -> None:
        failures = 0
        while not self._closing.is_set():
            life = self._live()
            failures = 0 if life.was_ready else failures + 1
            with self._lock:
                error = life.start_error or {}
                self._message = "" if life.was_ready else str(error.get("message", ""))
                self._life = _Life(state="broken" if life.start_error else "starting")
            if failures:
                self._drop_spare()  # it may have loaded what is wrong
                self._closing.wait(min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (failures - 1)))

        self._drop_spare()

    def _next_process(self) -> Process:
        spare, self._spare = self._spare, None
        if spare is not None and spare.alive:
            spare.go()
            return spare
        if spare is not None:
            spare.kill()
        return Process(self._spec, self.device, self._patience.beat)

    def _keep_spare(self, life: _Life) -> None:
        """Have a spare beside a worker; preferably it loads while the worker has nothing to do."""
        now = time.monotonic()
        pause = SPARE_PAUSE if life.state == "ready" else SPARE_PAUSE_BUSY
        if not self._spec.spare or now - max(life.ready_at, self._spare_at) < pause:
            return
        if self._spare is None or not self._spare.alive:
            self._drop_spare()
            self._spare_at = now
            with contextlib.suppress(OSError):
                self._spare = Process(self._spec, self.device, self._patience.beat, wait=True)

    def _drop_spare(self) -> None:
        if self._spare is not None:
            self._spare.kill()
            self._spare = None

    def _live(self) -> _Life:
        life = self._life  # shown as broken where one could not start, until another is ready
        try:
            process = self._next_process()
        except OSError as error:  # no memory or no file handles left: they may come back
            life.start_error = {"message": f"No process can be started: {error.strerror}."}
            return life
        with self._lock:
            life.process = process
        why = self._serve(process, life)
        if self._closing.is_set():
            process.let_go(LEAVE + 1)
        for line in process.kill():
            self._hear(line, life)
        self._bury(life, why or process.obituary())
        return life

    def _serve(self, process: Process, life: _Life) -> LtxserveError | None:
        """Listen until the process ends or has to; why it has to, None if it ended by itself."""
        silence = Silence(time.monotonic())
        while not self._closing.is_set():
            line = process.hear(TICK)
            now = time.monotonic()
            silence.look(now, heard=line is not None)
            if life.was_ready:
                self._keep_spare(life)
            if line is not None:
                self._hear(line, life)
            elif not process.alive:
                return None
            if life.doomed is not None:
                return life.doomed
            allowed = self._patience.silence if life.was_ready else self._patience.start
            if silence.seconds > allowed:
                return LtxserveError(
                    "worker_lost", f"The worker gave no sign of life for {allowed:g} seconds."
                )
            if life.stop_by is not None and now > life.stop_by:
                return Cancelled()
        return LtxserveError("worker_lost", "The pool was closed.")

    def _hear(self, line: Line, life: _Life) -> None:
        what = line.get("say")
        with self._lock:
            if what == "ready":
                life.was_ready, life.state, self._message = True, "ready", ""
                life.ready_at = time.monotonic()
            elif what == "start_failed":
                life.start_error = line["error"]
            elif what == "update":
                life.model = str(line["update"].get("model", life.model))
                self._records.tell(line["job"], line["attempt"], line["update"])
            elif what in ("succeeded", "failed", "broken"):
                self._end(line, life)

    def _end(self, line: Line, life: _Life) -> None:
        what, error = line["say"], line.get("error")
        stopped = what == "failed" and (error or {}).get("code") == "cancelled"
        # Stopped without a cancel: the pool is closing, and another one can do the work again.
        lost = what == "broken" or (stopped and life.stop_by is None)
        state: WorkState = "lost" if lost else "failed" if what == "failed" else "succeeded"
        self._records.end(line["job"], line["attempt"], state, line.get("result"), error)
        life.work, life.stop_by, life.state = None, None, "ready"
        if what == "broken":
            life.state = "starting"
            life.doomed = LtxserveError("device_broken", "The worker is of no use any more.")

    def _bury(self, life: _Life, why: LtxserveError) -> None:
        with self._lock:
            life.state, life.process = "starting", None
            work, life.work = life.work, None
            if work is not None and life.stop_by is not None:
                error = Cancelled().to_dict()
                self._records.end(work.job_id, work.attempt, "failed", error=error)
            elif work is not None:
                self._records.end(work.job_id, work.attempt, "lost", error=why.to_dict())
