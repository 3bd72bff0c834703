"""Updates: numbered, throttled, the newest only, none after the end."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from ltxserve.runpod.progress import Reporter


class Heard:
    """Keeps what is sent; `gate` holds a sending up."""

    def __init__(self) -> None:
        self.updates: list[dict[str, Any]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.came = asyncio.Event()

    async def __call__(self, update: dict[str, Any]) -> None:
        self.came.set()
        await self.gate.wait()
        self.updates.append(update)


def test_only_the_newest_is_sent_and_numbered():
    async def story() -> list[dict[str, Any]]:
        heard = Heard()
        heard.gate.clear()
        reporter = Reporter(heard, every=0.0)
        reporter.offer({"model": "tiny", "step": 0})
        await heard.came.wait()
        for step in range(1, 6):
            reporter.offer({"step": step})
        heard.gate.set()
        while len(heard.updates) < 2:
            await asyncio.sleep(0)
        await reporter.close()
        return heard.updates

    assert asyncio.run(story()) == [
        {"seq": 1, "model": "tiny", "step": 0},
        {"seq": 2, "model": "tiny", "step": 5},
    ]


def test_nothing_is_sent_after_the_end_and_what_is_under_way_arrives_before():
    async def story() -> tuple[int, int]:
        heard = Heard()
        heard.gate.clear()
        reporter = Reporter(heard, every=0.0)
        reporter.offer({"step": 1})
        await heard.came.wait()
        reporter.last_word = 300.0
        closing = asyncio.ensure_future(reporter.close())
        await asyncio.sleep(0)
        assert not closing.done()
        heard.gate.set()
        await closing
        before = len(heard.updates)
        reporter.offer({"step": 2})
        for _ in range(5):
            await asyncio.sleep(0)
        return before, len(heard.updates)

    assert asyncio.run(story()) == (1, 1)


def test_updates_come_from_other_threads_and_a_failed_one_harms_nobody():
    async def story() -> int:
        tries = 0

        async def send(update: dict[str, Any]) -> None:
            nonlocal tries
            tries += 1
            raise OSError("no network")

        reporter = Reporter(send, every=0.0)
        for step in range(2):
            thread = threading.Thread(target=reporter.offer, args=({"step": step},))
            thread.start()
            thread.join()
            while tries == step:
                await asyncio.sleep(0)
        await reporter.close()
        return tries

    assert asyncio.run(story()) == 2
