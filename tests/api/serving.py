"""A real server on loopback over a real database and folder, and a hand that ends its jobs.

No engine and no worker run: what a job goes through is told by the test, step by step.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import httpx
import numpy as np
import uvicorn
from fastapi import FastAPI

from ltxserve.accounts.accounts import NewAccount, create_account
from ltxserve.api.server import create_api
from ltxserve.app import App, create_app
from ltxserve.credits import ledger
from ltxserve.jobs import events, store
from ltxserve.jobs.listing import JobFilter, list_jobs
from ltxserve.jobs.rows import Job, Outcome
from ltxserve.jobs.states import JobState
from ltxserve.media.encode import write_video
from ltxserve.media.formats.base import EncodeTarget
from ltxserve.media.thumbnail import save_image
from ltxserve.pool.base import GpuPool, Slot
from ltxserve.settings import Settings

PATIENCE = 120
"""Seconds after which something hangs; a busy machine may hold up any process for many."""


@dataclass
class Workers:
    """A pool that only shows its slots."""

    shown: tuple[Slot, ...] = (Slot("cpu:0", "cpu", None, "ready", "tiny"),)

    def slots(self) -> tuple[Slot, ...]:
        return self.shown


@dataclass
class Served:
    """A running server, and everything behind it."""

    url: str
    app: App
    folder: Path
    pool: Workers = field(default_factory=Workers)

    def client(self, **headers: str) -> httpx.Client:
        """A client of this server, with these headers."""
        return httpx.Client(base_url=self.url, headers=headers, timeout=PATIENCE)

    def account(self, name: str, credits: int = 0, **fields: Any) -> str:
        """A key of a new account."""
        with self.app.database.begin() as conn:
            made = create_account(conn, NewAccount(name, **fields))
            if credits:
                ledger.top_up(conn, made.id, credits, "test")
            return self.app.keys.create(conn, made.id, made.scopes)[1]

    def job(self, job_id: str) -> dict[str, Any]:
        """The native view of a job of the open server."""
        with self.client() as client:
            return client.get(f"/api/generations/{job_id}").json()

    def start(self, job_id: str) -> Job:
        """A worker takes the job."""
        with self.app.database.begin() as conn:
            job = store.claim(conn, job_id, "cpu:0")
            assert job is not None
            events.append(conn, job_id, "running", {"attempt": job.attempt})
            return job

    def progress(self, job: Job, **told: Any) -> None:
        """The worker tells how far it is."""
        with self.app.database.begin() as conn:
            store.set_progress(conn, job.id, job.attempt, {"stage": "denoise", **told})
            events.append(conn, job.id, "progress", {"stage": "denoise", **told})

    def finish(self, job_id: str) -> Job:
        """The worker is done: files are stored, the job has succeeded."""
        return self.complete(self.start(job_id))

    def complete(self, job: Job) -> Job:
        """The worker that has the job is done with it."""
        result = self._result(job)
        with self.app.database.begin() as conn:
            outcome = Outcome(result, seed=job.seed or 7, timings={"denoise": 1.5})
            assert self.app.generations.endings.succeed(conn, job, outcome)
            return store.get(conn, job.id)

    def fail(self, job_id: str) -> None:
        """The worker gives up."""
        job = self.start(job_id)
        error = {"code": "out_of_memory", "message": "No memory.", "hint": "Go smaller."}
        with self.app.database.begin() as conn:
            assert self.app.generations.endings.fail(conn, job, error, job.attempt)

    @contextmanager
    def working(self) -> Iterator[None]:
        """A worker that takes every job that waits, until the block ends."""
        stop = threading.Event()

        def work() -> None:
            waiting = JobFilter(states=(JobState.QUEUED,), ascending=True)
            while not stop.wait(0.02):
                with self.app.database.read() as conn:
                    found = list_jobs(conn, waiting).jobs
                for job in found:
                    self.finish(job.id)

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def _result(self, job: Job) -> dict[str, Any]:
        made = (
            ("video", "video.mp4", "video/mp4"),
            ("thumbnail", "t.png", "image/png"),
            ("preview", "p.png", "image/png"),
        )
        files = {}
        for name, file, media_type in made:
            key = f"{job.account_id}/{job.id}/1/{file}"
            stored = self.app.store.put(key, sample(self.folder, file), media_type)
            files[name] = {
                "key": key,
                "media_type": media_type,
                "bytes": stored.bytes,
                "sha256": stored.sha256,
            }
        extent = {"width": 128, "height": 128, "num_frames": 9, "fps": 24.0, "seconds": 9 / 24}
        return {"artifacts": files, **extent, "has_sound": False, "peak_memory": 2**20}


def sample(folder: Path, name: str) -> Path:
    """A small real file of the name's kind, made once."""
    path = folder / name
    if not path.is_file():
        frames = np.zeros((9, 128, 128, 3), np.uint8)
        frames[:, 32:96, 32:96, 0] = 220
        if name.endswith(".mp4"):
            write_video([frames], EncodeTarget(path, "mp4", Fraction(24), 128, 128))
        else:
            save_image(frames[0], path)
    return path


def wire(folder: Path, pool: Workers, **settings: Any) -> App:
    """An application that takes requests and runs none of them, and a pool that shows slots."""
    chosen = Settings(data_dir=folder, **settings)
    return replace(create_app(chosen, role="api"), pool=cast(GpuPool, pool))


@contextmanager
def serving(folder: Path, **settings: Any) -> Iterator[Served]:
    """A server on a free port of loopback until the block ends."""
    pool = Workers()
    app = wire(folder, pool, model_aliases="sora-2=tiny", **settings)
    with listening(create_api(app)) as port:
        yield Served(f"http://127.0.0.1:{port}", app, folder, pool)
    replace(app, pool=None).close()


@contextmanager
def listening(api: FastAPI) -> Iterator[int]:
    """The application on a free port of loopback, in a thread of its own; the port."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    server = uvicorn.Server(uvicorn.Config(api, log_config=None, timeout_graceful_shutdown=5))
    loop = asyncio.new_event_loop()
    task = loop.create_task(server.serve(sockets=[listener]))
    thread = threading.Thread(target=lambda: loop.run_until_complete(task))
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        loop.call_soon_threadsafe(api.state.feeds.close)
        thread.join(PATIENCE)
        loop.close()
        listener.close()
