"""The process of one worker: `python -m ltxserve.pool.worker ENTRY PARENT_PID`.

It reads work from its pipe, one piece at a time, and tells how it goes; it knows no engine. What
libraries print goes to the error stream, never into the pipe.

From the pool: {"config", "beat", "wait"} first (with `wait`, a {"go": true} before anything is
loaded), then {"do": {...}}, {"cancel": [job, attempt]}; the end of the stream is the order to end.
To the pool: {"say": hello|beat|ready|start_failed|update|
succeeded|failed|broken, ...}.
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import logging
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Iterator
from typing import IO

from ltxserve.pool.base import Body, Json
from ltxserve.pool.performing import Outcome, Telling, coded, load_entry, perform
from ltxserve.pool.wire import Line, Outbox, read_lines

PR_SET_PDEATHSIG = 1  # linux/prctl.h
LEAVE = 5.0
"""Seconds that running work has to clean up once the pool is gone."""


def main(entry: str, parent: int) -> int:
    """Serve until the pool closes the pipe; the exit code."""
    inbox, outbox = take_over_pipes()
    die_with_parent(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent to act on
    faulthandler.enable()
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    lines = read_lines(inbox)
    hello = next(lines, None)
    if hello is None:
        return 0
    if hello.get("wait"):
        prepare(entry)
        if next(lines, None) is None:
            return 0
    worker = Worker(outbox)
    threading.Thread(target=worker.beat, args=(hello["beat"],), daemon=True).start()
    threading.Thread(target=worker.listen, args=(lines,), daemon=True).start()
    try:
        body = load_entry(entry)(hello["config"])
    except Exception as error:  # noqa: BLE001 - a door: the pool is told why there is no worker
        worker.say("start_failed", error=coded(error).to_dict())
        return 1
    worker.say("ready")
    return worker.serve(body)


def prepare(entry: str) -> None:
    """Load what an entry loads anyway, as far as that touches no device: its `prepare`."""
    try:
        load_entry(entry)
        first = getattr(sys.modules[entry.partition(":")[0]], "prepare", None)
        if first is not None:
            first()
    except Exception as error:  # noqa: BLE001 - a door: what is wrong shows when it is needed
        logging.getLogger(__name__).warning("a spare worker is not prepared: %s", error)


def take_over_pipes() -> tuple[IO[bytes], Outbox]:
    """Standard input and output for ourselves alone; for libraries, nothing and the error stream.

    The copies are not inherited: a process that a library starts cannot keep the pipe open.
    """
    sys.stdout.flush()
    inbox, outbox = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return os.fdopen(inbox, "rb"), Outbox(outbox)


def die_with_parent(parent: int) -> None:
    """Ask the kernel to kill us when the pool's process dies, where it can do that (Linux).

    Elsewhere the end of the pipe does it, unless the work never lets go of the interpreter.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before we asked
            os._exit(0)


class Worker:
    """Work in the main thread; signs of life and orders in threads of their own."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._orders: queue.SimpleQueue[Line | None] = queue.SimpleQueue()
        self._telling: tuple[list[object], Telling] | None = None
        self._cancelled: list[list[object]] = []
        self._lock = threading.Lock()

    def say(self, what: str, **fields: object) -> None:
        """Send a line; without a pool to read it, this process has no reason to be."""
        try:
            self._outbox.send({"say": what, **fields})
        except OSError:
            os._exit(0)

    def beat(self, seconds: float) -> None:
        """Signs of life, for ever."""
        self.say("hello", pid=os.getpid())
        while True:
            time.sleep(seconds)
            self.say("beat")

    def listen(self, lines: Iterator[Line]) -> None:
        """Take orders until the pool is gone; then end, soon, whatever is going on."""
        for line in lines:
            if "do" in line:
                self._orders.put(line["do"])
            elif "cancel" in line:
                self._cancel(line["cancel"])
        self._orders.put(None)
        with self._lock:
            running = self._telling
        if running is not None:
            running[1].cancel()
        time.sleep(LEAVE)
        os._exit(0)

    def serve(self, body: Body) -> int:
        """Do what is ordered, one piece after the other; the exit code."""
        while (order := self._orders.get()) is not None:
            outcome = self._do(body, order)
            key = {"job": order["job_id"], "attempt": order["attempt"]}
            try:
                self.say(outcome.state, **key, result=outcome.result, error=outcome.error)
            except (TypeError, ValueError) as error:
                self.say("failed", **key, error=coded(error).to_dict())
            if outcome.state == "broken":
                return 1
        return 0

    def _do(self, body: Body, order: Line) -> Outcome:
        key = [order["job_id"], order["attempt"]]

        def send(update: Json) -> None:
            self.say("update", job=key[0], attempt=key[1], update=dict(update))

        telling = Telling(send)
        with self._lock:
            self._telling = (key, telling)
            if key in self._cancelled:
                telling.cancel()
            self._cancelled.clear()
        try:
            return perform(body, order["payload"], telling)
        finally:
            with self._lock:
                self._telling = None

    def _cancel(self, key: list[object]) -> None:
        with self._lock:
            if self._telling is not None and self._telling[0] == key:
                self._telling[1].cancel()
            else:
                self._cancelled.append(key)  # its order waits, or it has just ended


if __name__ == "__main__":
    code = main(sys.argv[1], int(sys.argv[2]))
    with contextlib.suppress(OSError):
        sys.stderr.flush()
    # Not sys.exit: threads of libraries must not hold up the end.
    os._exit(code)
