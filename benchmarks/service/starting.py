"""From a submission to the start of its run, on a service whose only worker has nothing to do."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from benchmarks.service.enqueueing import SMALL
from benchmarks.service.figures import Spread
from benchmarks.service.server import Server


@dataclass(frozen=True)
class Starting:
    """inside: seconds from the row of the job to its claim, by the service's clock.

    outside: from before the call to the event `running` at a listener.
    """

    inside: Spread
    outside: Spread


def measure(server: Server, jobs: int) -> Starting:
    """Submit one job after the other, each when the one before it is over."""
    inside, outside = [], []
    with server.client() as client:
        for number in range(jobs + 1):
            begun = time.monotonic()
            job = client.post("/api/generations", json=SMALL).raise_for_status().json()["id"]
            _wait_event(client, job, "running")
            heard = time.monotonic() - begun
            done = _wait_over(client, job)
            if number:  # the first one warms up connections and caches
                outside.append(heard)
                inside.append(_seconds(done["started_at"]) - _seconds(done["created_at"]))
            _wait_idle(client)
    return Starting(Spread.of(inside), Spread.of(outside))


def _wait_event(client: httpx.Client, job: str, kind: str) -> None:
    with client.stream("GET", f"/api/generations/{job}/events", timeout=120) as stream:
        for line in stream.iter_lines():
            if line == f"event: {kind}":
                return
    raise SystemExit(f"job {job} had no event {kind}")


def _wait_over(client: httpx.Client, job: str) -> dict[str, Any]:
    client.post(f"/api/generations/{job}/cancel")  # the start is all that is measured
    while True:
        told = client.get(f"/api/generations/{job}").json()
        if told["state"] in ("succeeded", "failed", "cancelled"):
            return told
        time.sleep(0.02)


def _wait_idle(client: httpx.Client) -> None:
    while client.get("/readyz").status_code != 200:
        time.sleep(0.02)
    time.sleep(0.3)


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
