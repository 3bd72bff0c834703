"""Tells RunPod how far a job is: not too often, in order, and nothing any more after the end.

Knows no engine and no SDK: what sends an update is passed in.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Awaitable, Callable
from typing import Any

EVERY = 1.0
"""Seconds between updates, at least: each is a call of the platform's API."""
LAST_WORD = 3.0
"""Seconds that an update under way may take once the job is over."""
Update = dict[str, Any]
Send = Callable[[Update], Awaitable[None]]
log = logging.getLogger(__name__)


class Reporter:
    """Sends the newest update, one at a time; `offer` may be called from any thread.

    Every update has a `seq` that rises by one. last_word: see LAST_WORD. Made inside a running
    loop.
    """

    def __init__(self, send: Send, every: float = EVERY) -> None:
        self.last_word = LAST_WORD
        self._send = send
        self._every = every
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._newest: Update | None = None
        self._kept: Update = {}
        self._fresh = asyncio.Event()
        self._sending = asyncio.Lock()
        self._seq = 0
        self._task = self._loop.create_task(self._run())

    def offer(self, update: Any) -> None:
        """Take an update; one that was not sent yet is replaced."""
        with self._lock:
            # A model that was loaded is said once and must not get lost behind later steps.
            if "model" in update:
                self._kept["model"] = update["model"]
            self._newest = {**dict(update), **self._kept}
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens any more
            self._loop.call_soon_threadsafe(self._fresh.set)

    async def close(self) -> None:
        """Send nothing any more; it returns when what was being sent has arrived or is given up."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._sending.acquire(), self.last_word)
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _run(self) -> None:
        while True:
            await self._fresh.wait()
            async with self._sending:
                self._fresh.clear()
                with self._lock:
                    update, self._newest = self._newest, None
                if update is not None:
                    self._seq += 1
                    await self._sent({"seq": self._seq, **update})
            await asyncio.sleep(self._every)

    async def _sent(self, update: Update) -> None:
        try:
            await self._send(update)
        except (OSError, RuntimeError, ValueError) as error:  # progress is worth no job
            log.warning("an update was not sent: %s", error)
