"""What a job costs beyond its clip: the same request bare and through the service, in turns."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from benchmarks.service.figures import Spread
from benchmarks.service.server import Server
from ltxserve.engine.engine import Engine
from ltxserve.engine.plan import parse_request


@dataclass(frozen=True)
class Overhead:
    """Seconds of the same clip: kept in memory, written to a file, and as a job.

    beyond: seconds of a job that its engine's own stages did not take: queue, pictures, store.
    share, share_of_file: medians of each round's job over its bare run, and over its file; what
    else the machine does shows in them. share_beyond: median of (beyond + stages) over stages.
    """

    bare: Spread
    file: Spread
    job: Spread
    beyond: Spread
    share: float
    share_of_file: float
    share_beyond: float


def measure(server: Server, request: dict[str, Any], rounds: int) -> Overhead:
    """Each round: Engine.generate, Engine.write, a job; the first round only warms up."""
    engine, asked = Engine(), parse_request(request)
    times: list[tuple[float, float, float, float]] = []
    with tempfile.TemporaryDirectory() as folder, server.client() as client:
        for number in range(rounds + 1):
            begun = time.monotonic()
            engine.generate(asked)
            bare = time.monotonic()
            engine.write(asked, Path(folder) / f"{number}.mp4")
            file = time.monotonic()
            stages = _run(client, request)
            job = time.monotonic() - file
            if number:
                times.append((bare - begun, file - bare, job, job - stages))
    return Overhead(
        *(Spread.of(column) for column in zip(*times, strict=True)),
        share=Spread.of([job / bare for bare, _, job, _ in times]).median,
        share_of_file=Spread.of([job / file for _, file, job, _ in times]).median,
        share_beyond=Spread.of([job / (job - more) for *_, job, more in times]).median,
    )


def _run(client: httpx.Client, request: dict[str, Any]) -> float:
    """Run a job to its end as a caller does; the seconds that its engine's stages took."""
    job = client.post("/api/generations", json=request).raise_for_status().json()["id"]
    with client.stream("GET", f"/api/generations/{job}/events", timeout=600) as stream:
        for line in stream.iter_lines():
            if line in ("event: failed", "event: cancelled"):
                raise SystemExit(f"job {job} did not succeed")
    return sum(client.get(f"/api/generations/{job}").json()["timings"].values())
