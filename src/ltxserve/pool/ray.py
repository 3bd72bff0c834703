"""A pool on a Ray cluster: detached actors, one worker each, that outlive us and are found again.

Ray decides where they live and starts them again when their node dies. One thread here asks each
desk for news; what it heard is what callers get, so that none of them waits for the cluster.
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
import time
from dataclasses import asdict, replace
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from ltxserve.errors import Cancelled, LtxserveError
from ltxserve.pool.base import (
    Json,
    NoFreeSlot,
    Patience,
    PoolUnavailable,
    Report,
    Slot,
    Work,
    WorkerSpec,
)
from ltxserve.pool.ray_seats import Address, Cluster, DeskGone, Rhythm, Seat, Silent, dismiss
from ltxserve.pool.records import Records

TICK = 0.1
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
_UNKNOWN = "The Ray cluster was not reached yet."
_log = logging.getLogger(__name__)


class RayPool:
    """Implements `GpuPool` with actors of a Ray cluster; they go on when it is closed."""

    def __init__(
        self,
        address: Address,
        spec: WorkerSpec,
        patience: Patience,
        cluster: Cluster,
        rhythm: Rhythm | None = None,
    ) -> None:
        self._cluster, self._patience, self._rhythm = cluster, patience, rhythm or Rhythm()
        self._gpu = not spec.devices
        # The devices are Ray's to give: it shows each actor its own GPU alone.
        alone = replace(spec, devices=("gpu",) if self._gpu else ("cpu",))
        self._spec, self._terms = json.dumps(asdict(alone)), json.dumps(asdict(patience))
        self._kind = _kind_of(self._spec, self._terms)
        self._given = address.workers or len(spec.devices)
        self._records = Records(time.monotonic, patience.keep)
        self._cancels: set[str] = set()
        self._lock = threading.Lock()
        self._seats: list[Seat] = []
        self._trouble = ""
        self._connected_at: float | None = None
        self._counted_at = float("-inf")
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._live, name="pool-ray", daemon=True)
        self._thread.start()

    # ── what callers ask ────────────────────────────────────────────────────────────────────
    def start(self, work: Work) -> None:
        told = {
            "job_id": work.job_id,
            "attempt": work.attempt,
            "payload": dict(work.payload),
            "model": work.model,
        }
        text = json.dumps(told, allow_nan=False)
        passed: set[str] = set()
        while True:
            given_up = self._give_up_older(work)
            for desk, attempt in given_up:
                self._tell(desk, "drop", work.job_id, str(attempt))
            seat = self._reserve(work, passed)
            if seat is None:
                return
            if self._send(seat, work, text):
                return
            passed.add(seat.name)

    def poll(self, job_id: str, after: int = 0) -> Report:
        report = self._records.report(job_id, after)
        if report.state == "unknown":
            with self._lock:
                self._check_found()
        return report

    def cancel(self, job_id: str) -> None:
        with self._lock:
            seat = next((seat for seat in self._seats if job_id in seat.jobs), None)
            if seat is None:
                return
            self._cancels.add(job_id)  # told again with every look
            desk = seat.desk
        self._tell(desk, "cancel", job_id)

    def slots(self) -> tuple[Slot, ...]:
        with self._lock:
            slots = [seat.slot for seat in self._seats] or [Slot("ray-0", "ray", None, "starting")]
            if not self._trouble:
                return tuple(slots)
            return tuple(replace(slot, state="broken", message=self._trouble) for slot in slots)

    def close(self) -> None:
        self._closing.set()
        self._thread.join()
        self._cluster.disconnect()

    def dismiss(self) -> None:
        """End the workers, too, whoever made them, and close. Raises PoolUnavailable."""
        self._closing.set()
        self._thread.join()
        dismiss(self._cluster)

    # ── giving work ─────────────────────────────────────────────────────────────────────────
    def _reserve(self, work: Work, passed: set[str]) -> Seat | None:
        """A seat that is to be asked, noted as busy; None = somebody has started it already.

        Raises NoFreeSlot, PoolUnavailable.
        """
        with self._lock:
            if self._closing.is_set():
                raise PoolUnavailable("pool_unavailable", "The pool is closed.")
            if self._trouble or not self._seats:
                raise PoolUnavailable("pool_unavailable", self._trouble or _UNKNOWN)
            if not passed and work.attempt <= self._records.attempt(work.job_id):
                return None
            free = [s for s in self._seats if s.slot.state == "ready" and s.name not in passed]
            if not free:
                if passed:
                    self._records.forget(work.job_id)
                raise NoFreeSlot(hint=self._why_not())
            # The one that holds the model, if there is one.
            seat = min(free, key=lambda s: s.slot.model != (work.model or None))
            self._records.begin(work.job_id, work.attempt, seat.name)
            self._cancels.discard(work.job_id)
            seat.jobs[work.job_id] = 0
            seat.slot = replace(seat.slot, state="busy", busy_with=work.job_id)
            return seat

    def _give_up_older(self, work: Work) -> list[tuple[Any, int]]:
        """Desks that still do a lower attempt of the job, and which."""
        with self._lock:
            attempt = self._records.attempt(work.job_id)
            if work.attempt <= attempt:
                return []
            holding = [seat for seat in self._seats if work.job_id in seat.jobs]
            for seat in holding:
                del seat.jobs[work.job_id]
        if holding:
            self._lose(work.job_id, "the attempt was given up")
        return [(seat.desk, attempt) for seat in holding]

    def _send(self, seat: Seat, work: Work, text: str) -> bool:
        """Whether the desk took it, or may have taken it."""
        try:
            answer = self._cluster.get(
                self._cluster.call(seat.desk, "start", text), self._rhythm.answer
            )
        except (DeskGone, Silent, PoolUnavailable) as error:
            # It may have begun; if so, the next look sees that and stops it.
            with self._lock:
                seat.jobs.pop(work.job_id, None)
                seat.slot = replace(seat.slot, state="starting", busy_with=None)
            self._lose(work.job_id, f"its desk gave no answer ({type(error).__name__})")
            return True
        told = json.loads(answer)
        with self._lock:
            seat.order = max(seat.order, told["order"])
            if not told["taken"]:
                seat.jobs.pop(work.job_id, None)
                seat.slot = replace(seat.slot, state="starting", busy_with=None)
        return bool(told["taken"])

    def _why_not(self) -> str:
        broken = [seat.slot for seat in self._seats if seat.slot.state == "broken"]
        if broken:
            return f"{broken[0].name} cannot start: {broken[0].message}"
        return NoFreeSlot().hint

    def _check_found(self) -> None:
        """Raises PoolUnavailable while a desk that may have the job has not been heard yet."""
        if self._connected_at is None:
            raise PoolUnavailable("pool_unavailable", self._trouble or _UNKNOWN)
        if time.monotonic() - self._connected_at < self._patience.silence and (
            not self._seats or any(not seat.heard for seat in self._seats)
        ):
            raise PoolUnavailable("pool_unavailable", "The workers are still being looked for.")

    def _tell(self, desk: Any, method: str, *words: str) -> None:
        """Call without waiting for the answer."""
        if desk is None:  # cut off; what still counts then is told with the next look
            return
        try:
            self._cluster.call(desk, method, *words)
        except (DeskGone, PoolUnavailable) as error:
            _log.warning("a desk was not told to %s %s: %s", method, words[0], error)

    # ── asking for news ─────────────────────────────────────────────────────────────────────
    def _live(self) -> None:
        pause = FIRST_PAUSE
        while not self._closing.is_set():
            try:
                self._round()
                pause = FIRST_PAUSE
            except PoolUnavailable as error:
                _log.warning("%s", error)
                self._cut_off(error.message)
                self._closing.wait(pause)
                pause = min(pause * 2, LONGEST_PAUSE)

    def _cut_off(self, why: str) -> None:
        with self._lock:
            self._trouble = why
        self._let_go()
        self._cluster.disconnect(for_all=True)

    def _let_go(self) -> None:
        """Handles of another connection are void; how the desks are is not known any more."""
        with self._lock:
            for seat in self._seats:
                seat.desk = seat.asked = None
                seat.slot = replace(seat.slot, state="starting", busy_with=None)

    def _round(self) -> None:
        if self._cluster.connect():
            self._let_go()
        self._count()
        for seat in self._seats:
            self._ask(seat)
        calls = [seat.asked for seat in self._seats if seat.asked is not None]
        if not calls:
            self._closing.wait(TICK)
            return
        done = self._cluster.ready(calls, TICK)
        for seat in self._seats:
            if seat.asked is None:
                continue
            if seat.asked in done:
                self._hear(seat)
            elif time.monotonic() - seat.asked_at > self._rhythm.answer:
                self._give_up(seat) if seat.boot else self._wait_for_place(seat)

    def _count(self) -> None:
        """As many seats as there are to be, and no desk of another kind."""
        now = time.monotonic()
        if self._seats and (self._given or now - self._counted_at < self._rhythm.recount):
            with self._lock:
                self._trouble = ""
            return
        self._counted_at = now
        count = self._given or max(1, self._cluster.gpus())
        if not self._seats:
            for name in self._cluster.names():
                if not name.startswith(f"desk-{self._kind}-"):
                    self._cluster.kill(name, again=False)
        with self._lock:
            for number in range(len(self._seats), count):
                slot = Slot(f"ray-{number}", "ray", None, "starting")
                self._seats.append(Seat(slot.name, slot))
            self._trouble = ""
            self._connected_at = self._connected_at or now

    def _ask(self, seat: Seat) -> None:
        """Have a look under way."""
        now = time.monotonic()
        if seat.asked is not None or now < seat.next_at:
            return
        try:
            if seat.desk is None:
                name = f"desk-{self._kind}-{seat.name.rpartition('-')[2]}"
                seat.desk = self._cluster.desk(name, self._spec, self._terms, self._gpu)
            with self._lock:
                asked = {
                    "boot": seat.boot,
                    "cursors": seat.jobs,
                    "cancels": [job for job in seat.jobs if job in self._cancels],
                    "wait": self._rhythm.wait,
                }
                text = json.dumps(asked)
            seat.asked, seat.asked_at = self._cluster.call(seat.desk, "look", text), now
        except DeskGone as error:
            self._miss(seat, error)

    def _hear(self, seat: Seat) -> None:
        call, seat.asked = seat.asked, None
        try:
            told = json.loads(self._cluster.get(call, self._rhythm.answer))
        except Silent:
            return
        except DeskGone as error:
            self._miss(seat, error)
            return
        seat.heard, seat.deaths = time.monotonic(), 0
        if told["boot"] != seat.boot:
            self._meet(seat, told)
        self._see(seat, told)
        for job_id, report in told["reports"].items():
            self._follow(seat, job_id, report)

    def _meet(self, seat: Seat, told: Json) -> None:
        """A life of the actor that we did not know: new work is lost, what it knows is ours."""
        if seat.boot:
            self._lose_all(seat, "its desk was started again")
        with self._lock:
            seat.boot, seat.order = told["boot"], 0
            for job_id, attempt in told["known"].items():
                if attempt > self._records.attempt(job_id):
                    self._records.begin(job_id, attempt, seat.name)
                    seat.jobs[job_id] = 0

    def _follow(self, seat: Seat, job_id: str, report: Json) -> None:
        with self._lock:
            if job_id not in seat.jobs or report["attempt"] != self._records.attempt(job_id):
                return
            for update in report["updates"]:
                self._records.tell(job_id, report["attempt"], update)
            seat.jobs[job_id] = report["next"]
            if report["state"] != "running":
                del seat.jobs[job_id]
                self._cancels.discard(job_id)
                ending = (report["state"], report["result"], report["error"])
                self._records.end(job_id, report["attempt"], *ending)

    def _see(self, seat: Seat, told: Json) -> None:
        """Take over how its slot is; work that is not ours any more is dropped."""
        with self._lock:
            if told["order"] < seat.order:
                return
            seat.slot = Slot(**{**told["slot"], "name": seat.name})
            job_id, attempt = seat.slot.busy_with, told["attempt"]
            ours = job_id in seat.jobs and attempt == self._records.attempt(str(job_id))
        if job_id and attempt and not ours:
            self._tell(seat.desk, "drop", job_id, str(attempt))

    def _miss(self, seat: Seat, gone: DeskGone) -> None:
        """It cannot be reached: Ray starts it again, or we do."""
        now = time.monotonic()
        if gone.dead:
            seat.desk, seat.boot = None, ""
            seat.deaths += 1
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** max(0, seat.deaths - 1))
        seat.next_at = now + pause
        with self._lock:
            broken = gone.dead and seat.deaths > 1
            message = gone.why if broken else ""
            slot = replace(seat.slot, state="broken" if broken else "starting", message=message)
            seat.slot = replace(slot, busy_with=None, model="")
        if gone.dead or now - seat.heard > self._rhythm.away:
            self._lose_all(seat, f"its desk cannot be reached: {gone.why}")

    def _wait_for_place(self, seat: Seat) -> None:
        need = "GPU" if self._gpu else "CPU"
        message = f"Ray has not placed it yet: it needs a node with a free {need}."
        with self._lock:
            seat.slot = replace(seat.slot, message=message)

    def _give_up(self, seat: Seat) -> None:
        """It is there and says nothing: end it, and let Ray start it again."""
        seat.asked = None
        seat.next_at = time.monotonic() + FIRST_PAUSE
        self._lose_all(seat, f"its desk gave no sign of life for {self._rhythm.answer:g} seconds")
        self._cluster.kill(f"desk-{self._kind}-{seat.name.rpartition('-')[2]}", again=True)

    def _lose_all(self, seat: Seat, why: str) -> None:
        with self._lock:
            jobs, seat.jobs = list(seat.jobs), {}
        for job_id in jobs:
            self._lose(job_id, why)

    def _lose(self, job_id: str, why: str) -> None:
        attempt = self._records.attempt(job_id)
        if job_id in self._cancels:
            self._cancels.discard(job_id)
            self._records.end(job_id, attempt, "failed", error=Cancelled().to_dict())
            return
        error = LtxserveError("worker_lost", f"The worker was lost: {why}.").to_dict()
        self._records.end(job_id, attempt, "lost", error=error)


def _kind_of(*terms: str) -> str:
    """Short for what a desk is made of: desks of another version or configuration are replaced."""
    try:
        made_by = version("ltxserve")
    except PackageNotFoundError:  # run from a folder that was not installed
        made_by = ""
    return hashlib.sha256(" ".join((made_by, *terms)).encode()).hexdigest()[:12]
