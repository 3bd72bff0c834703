"""A pool at RunPod Serverless, over its documented HTTP API; knows no worker from inside.

A run's input is {"work": {"job_id", "attempt", "payload"}}; its output is the result, and while it
runs the newest update. RunPod has no idempotency key and keeps results for half an hour, so: what
is being sent is noted before it is sent, an attempt whose answer was lost counts as lost, and an
end that was seen is remembered here.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from ltxserve.errors import LtxserveError
from ltxserve.pool.base import (
    UNKNOWN,
    NoFreeSlot,
    Patience,
    PoolUnavailable,
    Report,
    Slot,
    SlotState,
    Work,
)
from ltxserve.pool.notes import Note, Notes
from ltxserve.pool.records import Records
from ltxserve.pool.runpod_api import Api, Endpoint, told_by, unavailable
from ltxserve.pool.runpod_states import Ending, ending_of

MAX_BODY = 10 * 2**20
"""Bytes that /run takes."""
HEALTH_SECONDS = 5.0
"""How long an answer of /health is believed: it is asked for often, and limited."""
UNWATCHED = 2.0
"""Seconds after which a run that nobody asks about is asked about, so that its slot gets free."""
CANCEL_AGAIN = 5.0
"""Seconds after which a run that goes on is told again that it was cancelled."""
NOTES_FILE = "runpod-runs.jsonl"


@dataclass
class _Flight:
    """A run under way: its attempt, the slot it takes, when it was asked about last."""

    attempt: int
    slot: int
    asked: float


class RunPodPool:
    """Implements `GpuPool`; runs outlive it, and are found again by its notes.

    folder: where the notes are kept, None = nowhere, so that a restart makes running work unknown.
    """

    def __init__(
        self, endpoint: Endpoint, secret: str, patience: Patience, folder: Path | None = None
    ) -> None:
        self._endpoint = endpoint
        self._records = Records(time.monotonic, patience.keep)
        self._notes = Notes(folder / NOTES_FILE if folder else None)
        self._lock = threading.Lock()
        self._asking: dict[str, threading.Lock] = {}
        self._flying: dict[str, _Flight] = {}
        self._cancelled: dict[tuple[str, int], float] = {}
        self._health: tuple[float, str] = (float("-inf"), "")
        self._api = Api(endpoint, secret)

    def start(self, work: Work) -> None:
        body = self._body(work)
        note = self._notes.get(work.job_id)
        if note is not None and work.attempt > note.attempt:
            self._give_up(note)
        self._look_after()
        if not self._reserve(work):
            return
        try:
            answer = self._api.run(body)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            self._not_taken(work)
            raise unavailable("RunPod cannot be reached") from error
        except httpx.HTTPError as error:
            why = f"the answer was lost ({type(error).__name__})"
            self._lose(work.job_id, work.attempt, why, trouble=True)
            return
        self._taken(work, answer)

    def poll(self, job_id: str, after: int = 0) -> Report:
        note = self._notes.get(job_id)
        if note is None:
            return UNKNOWN
        if self._records.attempt(job_id) != note.attempt:  # from before a restart
            self._recall(note)
        if self._records.report(job_id).state == "running" and note.remote:
            with self._lock:
                asking = self._asking.setdefault(job_id, threading.Lock())
            with asking:  # chunks of a stream are handed out once
                if self._records.report(job_id).state == "running":
                    self._look(note)
        return self._records.report(job_id, after)

    def cancel(self, job_id: str) -> None:
        note = self._notes.get(job_id)
        if note is None or self._records.report(job_id).state not in ("running", "unknown"):
            return
        with self._lock:
            # If it is just being sent, this is acted on as soon as its id is known.
            self._cancelled[job_id, note.attempt] = float("-inf")
        if note.remote:
            self._cancel_again(note)

    def slots(self) -> tuple[Slot, ...]:
        self._look_after()
        trouble = self._trouble()
        with self._lock:
            busy = {flight.slot: job for job, flight in self._flying.items()}
        state: SlotState = "broken" if trouble else "ready"
        return tuple(
            Slot(self._name(number), "runpod", busy[number], "busy")
            if number in busy
            else Slot(self._name(number), "runpod", None, state, "", trouble)
            for number in sorted({*range(self._endpoint.slots), *busy})
        )

    def close(self) -> None:
        self._api.close()

    # ── sending ─────────────────────────────────────────────────────────────────────────────
    def _body(self, work: Work) -> bytes:
        inner = {"job_id": work.job_id, "attempt": work.attempt, "payload": dict(work.payload)}
        policy = {"executionTimeout": self._endpoint.seconds * 1000}
        body = json.dumps({"input": {"work": inner}, "policy": policy}, allow_nan=False).encode()
        if len(body) > MAX_BODY:
            raise LtxserveError(
                "body_too_large",
                f"The work is {len(body)} bytes, RunPod takes {MAX_BODY}.",
                "Give large sources as uploads or URLs.",
            )
        return body

    def _reserve(self, work: Work) -> bool:
        """Note an attempt before it is sent: whatever happens then, it is never sent again.

        Whether it is to be sent. Raises NoFreeSlot, PoolUnavailable.
        """
        with self._lock:
            if self._api.is_closed:
                raise PoolUnavailable("pool_unavailable", "The pool is closed.")
            note = self._notes.get(work.job_id)
            if note is not None and work.attempt <= note.attempt:
                return False
            others = [job for job in self._flying if job != work.job_id]
            if len(others) >= self._endpoint.slots:
                raise NoFreeSlot()
            self._notes.set(Note(work.job_id, work.attempt, ""))
            self._begin(work.job_id, work.attempt)
            return True

    def _taken(self, work: Work, answer: httpx.Response) -> None:
        status = answer.status_code
        if answer.is_success:
            remote = ""
            with contextlib.suppress(PoolUnavailable):
                remote = str(told_by(answer).get("id") or "")
            if not remote:
                self._lose(work.job_id, work.attempt, "the answer named no run", trouble=True)
                return
            note = Note(work.job_id, work.attempt, remote)
            self._notes.set(note)
            if (work.job_id, work.attempt) in self._cancelled:
                self._cancel_again(note)
        elif status == 429:
            self._not_taken(work)
            raise NoFreeSlot(message="RunPod takes nothing more at the moment.")
        elif status in (400, 413, 422):
            error = LtxserveError("body_invalid", f"RunPod refused the work with {status}.")
            self._end(work.job_id, work.attempt, Ending("failed", error=error.to_dict()))
        elif status < 500 and status != 408:
            self._not_taken(work)
            raise unavailable(f"RunPod refused the work with {status}")
        else:
            self._lose(work.job_id, work.attempt, f"RunPod broke with {status}", trouble=True)

    def _not_taken(self, work: Work) -> None:
        with self._lock:
            self._notes.drop(work.job_id)
            self._records.forget(work.job_id)
            self._flying.pop(work.job_id, None)

    def _give_up(self, note: Note) -> None:
        """A new attempt comes: stop the old one, as far as that can be done from here."""
        if note.remote and self._records.report(note.job_id).state in ("running", "unknown"):
            self._api.cancel(note.remote)

    # ── asking ──────────────────────────────────────────────────────────────────────────────
    def _look_after(self) -> None:
        """Ask about runs that nobody asks about any more."""
        now = time.monotonic()
        with self._lock:
            alone = [job for job, f in self._flying.items() if now - f.asked > UNWATCHED]
        for job in alone:
            with contextlib.suppress(PoolUnavailable):
                self.poll(job)

    def _look(self, note: Note) -> None:
        with self._lock:
            if note.job_id in self._flying:
                self._flying[note.job_id].asked = time.monotonic()
        told = self._api.status(note.remote)
        if told is None:
            self._lose(note.job_id, note.attempt, "RunPod no longer knows the run")
            return
        ending = ending_of(told, (note.job_id, note.attempt) in self._cancelled)
        if ending is None:
            self._cancel_again(note)
        if self._endpoint.stream:
            updates = self._api.stream(note.remote)
        else:
            updates = [told.get("output")] if ending is None else []
        for update in updates:
            self._tell(note, update)
        if ending is not None:
            self._end(note.job_id, note.attempt, ending)

    def _tell(self, note: Note, update: Any) -> None:
        if not isinstance(update, dict) or not update:
            return
        known = self._records.report(note.job_id)
        newest = known.updates[-1] if known.updates else {}
        # The same progress is read again and again, and an older one can come late.
        old = update.get("seq", 0) < newest.get("seq", 0)
        if not self._endpoint.stream and (update == newest or old):
            return
        self._records.tell(note.job_id, note.attempt, update)

    def _cancel_again(self, note: Note) -> None:
        """Tell RunPod of a cancel, if there is one and it has not been told just now."""
        key = (note.job_id, note.attempt)
        with self._lock:
            sent = self._cancelled.get(key)
            if sent is None or time.monotonic() - sent < CANCEL_AGAIN:
                return
            self._cancelled[key] = time.monotonic()
        self._api.cancel(note.remote)

    def _trouble(self) -> str:
        asked, trouble = self._health
        if time.monotonic() - asked > HEALTH_SECONDS:
            try:
                found = self._api.health() is not None
                trouble = "" if found else f"RunPod has no endpoint {self._endpoint.name}."
            except PoolUnavailable as error:
                trouble = error.message
            self._health = (time.monotonic(), trouble)
        return trouble

    # ── remembering ─────────────────────────────────────────────────────────────────────────
    def _recall(self, note: Note) -> None:
        with self._lock:
            if self._records.attempt(note.job_id) == note.attempt:
                return
            self._begin(note.job_id, note.attempt)
        if not note.remote:
            self._lose(note.job_id, note.attempt, "the service ended while it was being sent")

    def _begin(self, job_id: str, attempt: int) -> None:
        self._flying.pop(job_id, None)
        taken = {flight.slot for flight in self._flying.values()}
        slot = next(number for number in itertools.count() if number not in taken)
        self._flying[job_id] = _Flight(attempt, slot, time.monotonic())
        self._records.begin(job_id, attempt, self._name(slot))

    def _name(self, slot: int) -> str:
        return f"{self._endpoint.name}-{slot}"

    def _lose(self, job_id: str, attempt: int, why: str, trouble: bool = False) -> None:
        if trouble:  # nothing is sent before RunPod is seen to be well
            self._health = (time.monotonic(), f"A run was lost: {why}.")
        error = LtxserveError("worker_lost", f"The run at RunPod was lost: {why}.").to_dict()
        self._end(job_id, attempt, Ending("lost", error=error))

    def _end(self, job_id: str, attempt: int, ending: Ending) -> None:
        self._records.end(job_id, attempt, ending.state, ending.result, ending.error)
        with self._lock:
            self._cancelled.pop((job_id, attempt), None)
            self._asking.pop(job_id, None)
            if job_id in self._flying and self._flying[job_id].attempt == attempt:
                del self._flying[job_id]
