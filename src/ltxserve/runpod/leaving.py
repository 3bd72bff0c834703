"""How the worker leaves: not with a job in hand, but then at once. Knows the process, no job.

The SDK's loop ends only when its open polls have been answered, up to 90 seconds after SIGTERM or
after a worker was told to go; a job that such a poll brings would be taken and never run.
"""

from __future__ import annotations

import asyncio
import ctypes
import logging
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from types import FrameType

PR_SET_PDEATHSIG = 1  # linux/prctl.h
LOOK = 0.05
"""Seconds between looks whether the last job has been answered."""
log = logging.getLogger(__name__)


@dataclass
class Leaving:
    """Leaves when it is told to. `take` is the SDK's `concurrency_modifier`, called before jobs.

    busy: whether a job was taken that is not answered yet. grace: seconds that a running job
    may go on; then `give_up` is called, which makes it end soon. tidy: is called last of all. exit:
    ends the process at once.
    """

    busy: Callable[[], bool]
    grace: float = 30.0
    exit: Callable[[int], object] = os._exit
    give_up: Callable[[], None] = lambda: None
    tidy: Callable[[], None] = lambda: None
    began: bool = False
    _loop: asyncio.AbstractEventLoop | None = None
    _tasks: list[asyncio.Task[None]] = field(default_factory=list[asyncio.Task[None]])

    def take(self, current: int) -> int:
        """One job at a time. The first call, inside the SDK's loop, adds us to its signals."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            for number in (signal.SIGTERM, signal.SIGINT):
                self._add_to(number)
        return current

    def begin(self) -> None:
        """Leave when nothing is in hand any more; called in the loop."""
        if self.began or self._loop is None:
            return
        self.began = True
        self._loop.call_later(self.grace, self.give_up)
        self._tasks.append(self._loop.create_task(self._leave()))

    def _add_to(self, number: int) -> None:
        before = signal.getsignal(number)
        loop = self._loop
        assert loop is not None

        def told(which: int, frame: FrameType | None) -> None:
            if callable(before):
                before(which, frame)
            loop.call_soon_threadsafe(self.begin)

        signal.signal(number, told)

    async def _leave(self) -> None:
        while self.busy():
            await asyncio.sleep(LOOK)
        log.warning("leaving")
        stop_children()
        self.tidy()
        sys.stdout.flush()
        sys.stderr.flush()
        self.exit(0)


def stop_children() -> None:
    """End the SDK's process that says we are alive: nothing may say so once we are gone."""
    for child in multiprocessing.active_children():
        child.terminate()
        child.join(2)


def die_together() -> None:
    """Let processes that are forked from now on die with this one, however it dies (Linux).

    After a kill -9 the SDK's process would go on saying that the job is in good hands.
    """
    if sys.platform != "linux":
        return
    libc, parent = ctypes.CDLL(None), os.getpid()

    def follow() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before we asked
            os._exit(0)

    os.register_at_fork(after_in_child=follow)
