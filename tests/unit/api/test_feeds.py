"""Feeds: every listener gets every event once, from one reader; waits on signals, not on time."""

import asyncio
import threading
from collections.abc import Callable

import pytest

from ltxserve.api.feeds import KEPT, Feeds
from ltxserve.jobs.events import Event


def told(seq: int, kind: str) -> Event:
    return Event("job", seq, kind, {}, 0.0)


class Log:
    """Events of one job, as a database has them; counts how often it is read."""

    def __init__(self, *kinds: str) -> None:
        self._lock = threading.Lock()
        self._events: list[Event] = []
        self.reads = 0
        self.add(*kinds)

    def add(self, *kinds: str) -> None:
        with self._lock:
            for kind in kinds:
                self._events.append(told(len(self._events) + 1, kind))

    def read(self, after: int) -> list[Event]:
        with self._lock:
            self.reads += 1
            return self._events[after:]


async def heard(feeds: Feeds, log: Log, after: int = 0) -> list[Event]:
    return [event async for event in feeds.listen("job", log.read, after) if event is not None]


def numbers(events: list[Event]) -> list[int]:
    return [event.seq for event in events]


def test_a_stream_ends_with_the_last_event():
    log = Log("queued", "running", "progress", "succeeded")
    feeds = Feeds(read_seconds=0.001)
    assert numbers(asyncio.run(heard(feeds, log))) == [1, 2, 3, 4]
    assert feeds.watched == 0


def test_it_goes_on_after_what_was_seen():
    log = Log("queued", "running", "progress", "failed")
    assert numbers(asyncio.run(heard(Feeds(read_seconds=0.001), log, after=2))) == [3, 4]


def test_a_late_listener_gets_what_is_no_longer_kept():
    log = Log(*["progress"] * (KEPT * 2))

    async def both() -> tuple[list[Event], list[Event]]:
        feeds = Feeds(read_seconds=0.001)
        first = asyncio.create_task(heard(feeds, log, after=KEPT * 2 - 1))
        while not feeds.watched:
            await asyncio.sleep(0)
        second = asyncio.create_task(heard(feeds, log))
        await asyncio.sleep(0)
        log.add("cancelled")
        return await first, await second

    late, whole = asyncio.run(both())
    assert numbers(late) == [KEPT * 2, KEPT * 2 + 1]
    assert numbers(whole) == list(range(1, KEPT * 2 + 2))


def test_many_listeners_share_one_reader():
    log = Log("queued")

    async def crowd() -> list[list[Event]]:
        feeds = Feeds(read_seconds=0.001)
        tasks = [asyncio.create_task(heard(feeds, log)) for _ in range(50)]
        while log.reads < 3:
            await asyncio.sleep(0)
        assert feeds.watched == 1
        log.add("running", "succeeded")
        return await asyncio.gather(*tasks)

    assert {tuple(numbers(events)) for events in asyncio.run(crowd())} == {(1, 2, 3)}


def test_a_quiet_job_beats():
    log = Log("queued")

    async def first_beat() -> list[Event]:
        seen: list[Event | None] = []
        async for event in Feeds(read_seconds=0.001, heartbeat_seconds=0.001).listen(
            "job", log.read, 0
        ):
            seen.append(event)
            if None in seen and len(seen) > seen.count(None):
                break
        return [event for event in seen if event is not None]

    assert asyncio.run(first_beat()) == [told(1, "queued")]


def test_a_broken_reader_reaches_its_listeners():
    def read(after: int) -> list[Event]:
        raise OSError(f"no events after {after}")

    async def listen() -> None:
        async for _ in Feeds(read_seconds=0.001).listen("job", read, 0):
            pass

    with pytest.raises(OSError, match="no events after 0"):
        asyncio.run(listen())


def test_closing_ends_every_stream():
    log = Log("queued")

    async def closed() -> list[Event]:
        feeds = Feeds(read_seconds=0.001)
        task = asyncio.create_task(heard(feeds, log))
        while log.reads < 2:
            await asyncio.sleep(0)
        feeds.close()
        return await task

    assert numbers(asyncio.run(closed())) == [1]


def test_a_notice_is_heard_at_once():
    log = Log("queued")
    told: list[Callable[[], None]] = []
    ended: list[str] = []

    def notices(job_id: str, listener: Callable[[], None]) -> Callable[[], None]:
        told.append(listener)
        return lambda: ended.append(job_id)

    async def woken() -> list[Event]:
        feeds = Feeds(notices, read_seconds=3600)
        task = asyncio.create_task(heard(feeds, log))
        while not log.reads:
            await asyncio.sleep(0)
        log.add("running", "succeeded")
        threading.Thread(target=told[0]).start()
        return await task

    assert numbers(asyncio.run(woken())) == [1, 2, 3]
    assert ended == ["job"]
