"""Events of one job to many listeners: how many a second arrive, and how late."""

from __future__ import annotations

import asyncio
import json
import random
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.service.enqueueing import SMALL
from benchmarks.service.figures import Spread
from benchmarks.service.server import Server, serving
from ltxserve.app import create_app
from ltxserve.jobs import events, store
from ltxserve.settings import Settings


@dataclass(frozen=True)
class Telling:
    """rate: events a second at all listeners together while events come as fast as they can.

    late: seconds from an event's row to a listener, at `pace` events a second.
    """

    listeners: int
    rate: float
    late: Spread
    pace: float


@dataclass
class Ears:
    """What the listeners of one job have heard: how many events, and each one's delay."""

    expected: int
    heard: int = 0
    delays: list[float] = field(default_factory=list)
    all_here: asyncio.Event = field(default_factory=asyncio.Event)

    def hear(self, data: dict[str, object]) -> None:
        self.heard += 1
        sent = data.get("sent")
        if isinstance(sent, float):
            self.delays.append(time.time() - sent)
        if self.heard >= self.expected:
            self.all_here.set()


def measure(folder: Path, listeners: int, count: int) -> Telling:
    """First `count` events as fast as they can be written, then as many at a usual pace."""
    with serving(folder, "--api-only") as server:
        fast, begun = asyncio.run(_round(server, listeners, count, 0.0))
        pace = 5.0
        slow, _ = asyncio.run(_round(server, listeners, min(count, 25), 1 / pace))
    rate = fast.heard / begun
    return Telling(listeners, rate, Spread.of(slow.delays), pace)


async def _round(server: Server, listeners: int, count: int, pause: float) -> tuple[Ears, float]:
    with server.client() as client:
        job = client.post("/api/generations", json=SMALL).raise_for_status().json()["id"]
    ears = Ears(listeners * (count + 1))  # and `queued`
    ready = asyncio.Semaphore(0)
    tasks = [asyncio.create_task(_listen(server, job, ears, ready)) for _ in range(listeners)]
    for _ in range(listeners):
        await ready.acquire()
    begun = time.monotonic()
    writer = threading.Thread(target=_write, args=(server.folder, job, count, pause))
    writer.start()
    await asyncio.wait_for(ears.all_here.wait(), 300)
    took = time.monotonic() - begun
    writer.join()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return ears, took


async def _listen(server: Server, job: str, ears: Ears, ready: asyncio.Semaphore) -> None:
    """A listener of as little work as possible: the machine is the service's."""
    parts = urlsplit(server.url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    path = f"/api/generations/{job}/events"
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode())
    first = True
    try:
        while line := await reader.readline():
            if line.startswith(b"data:"):
                ears.hear(json.loads(line[5:])["data"] or {})
                if first:
                    first = False
                    ready.release()
    finally:
        writer.close()


def _write(folder: Path, job: str, count: int, pause: float) -> None:
    """Another process' part, as the service sees it: rows that appear in the database."""
    app = create_app(Settings(data_dir=folder), "api")
    try:
        for number in range(count):
            with app.database.begin() as conn:
                if number == 0:
                    store.claim(conn, job, "bench")
                progress = {"percent": number, "sent": time.time()}
                events.append(conn, job, "progress", progress)
            # Not in step with the service's own looks.
            time.sleep(pause * random.uniform(0.5, 1.5))
    finally:
        app.close()
