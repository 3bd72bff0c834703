"""One reader of the database per watched job, however many listen; knows no wire format.

A listener that comes late, or falls behind what is kept here, reads the rest for itself.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

import anyio.to_thread

from ltxserve.jobs.events import Event

KEPT = 64
READ_SECONDS = 0.2
HEARTBEAT_SECONDS = 15.0
LAST_KINDS = frozenset({"succeeded", "failed", "cancelled"})


Read = Callable[[int], Sequence[Event]]
"""The events of one job after a sequence number, in order."""


Notices = Callable[[str, Callable[[], None]], Callable[[], None]]
"""Calls a listener, in any thread, when a job changes in this process; returns what ends that."""


@dataclass
class Feed:
    """What is known of one job: every event after `floor`, and who waits for more."""

    read: Read
    floor: int
    kept: deque[Event] = field(default_factory=deque)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    listeners: int = 0
    task: asyncio.Task[None] | None = None
    broken: BaseException | None = None

    def after(self, seq: int) -> list[Event] | None:
        """The kept events after one; None where some of them are not kept."""
        if seq < self.floor:
            return None
        return [event for event in self.kept if event.seq > seq]

    def keep(self, event: Event) -> None:
        """Remember one more event, and forget the oldest where there are too many."""
        self.kept.append(event)
        if len(self.kept) > KEPT:
            self.floor = self.kept.popleft().seq
        self.changed.set()

    def ended(self, task: asyncio.Task[None]) -> None:
        """Wake every listener with what broke the reader, if anything did."""
        if not task.cancelled():
            self.broken = task.exception()
            self.changed.set()


class Feeds:
    """Every job that somebody listens to, polled once each."""

    def __init__(
        self,
        notices: Notices | None = None,
        read_seconds: float = READ_SECONDS,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
    ) -> None:
        self._notices = notices
        self._read_seconds = read_seconds
        self._heartbeat_seconds = heartbeat_seconds
        self._feeds: dict[str, Feed] = {}
        self._closed = False

    @property
    def watched(self) -> int:
        """How many jobs are polled."""
        return len(self._feeds)

    async def listen(
        self, job_id: str, read: Read, after: int
    ) -> AsyncGenerator[Event | None, None]:
        """A job's events after one, until its last; None = nothing new for a heartbeat's time.

        read: called in a thread. Raises what it raises.
        """
        feed = self._join(job_id, read, after)
        try:
            while True:
                changed = feed.changed
                events = feed.after(after)
                if events is None:
                    events = list(await anyio.to_thread.run_sync(read, after))
                for event in events:
                    after = event.seq
                    yield event
                    if event.kind in LAST_KINDS:
                        return
                if feed.broken is not None:
                    raise feed.broken
                if self._closed:
                    return
                if not events and not await _happens(changed, self._heartbeat_seconds):
                    yield None
        finally:
            self._leave(job_id, feed)

    def close(self) -> None:
        """End every stream, as the process is about to; listeners come back to another one.

        Called in the event loop.
        """
        self._closed = True
        for feed in self._feeds.values():
            feed.changed.set()

    def _join(self, job_id: str, read: Read, after: int) -> Feed:
        feed = self._feeds.get(job_id)
        if feed is None or feed.broken is not None:
            feed = self._feeds[job_id] = Feed(read, after)
            feed.task = asyncio.create_task(self._follow(job_id, feed, after))
            feed.task.add_done_callback(feed.ended)
        feed.listeners += 1
        return feed

    def _leave(self, job_id: str, feed: Feed) -> None:
        feed.listeners -= 1
        if feed.listeners == 0:
            if feed.task is not None:
                feed.task.cancel()
            if self._feeds.get(job_id) is feed:
                del self._feeds[job_id]

    async def _follow(self, job_id: str, feed: Feed, after: int) -> None:
        """Read what is new: at once when this process changed the job, else now and then."""
        news, loop = asyncio.Event(), asyncio.get_running_loop()
        told = partial(_tell, loop, news)
        stop = self._notices(job_id, told) if self._notices else None
        try:
            while True:
                news.clear()
                for event in await anyio.to_thread.run_sync(feed.read, after):
                    feed.keep(event)
                    after = event.seq
                if feed.changed.is_set():
                    feed.changed = asyncio.Event()
                await _happens(news, self._read_seconds)
        finally:
            if stop:
                stop()


async def _happens(event: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True


def _tell(loop: asyncio.AbstractEventLoop, news: asyncio.Event) -> None:
    with suppress(RuntimeError):  # the loop has ended in the meantime
        loop.call_soon_threadsafe(news.set)
