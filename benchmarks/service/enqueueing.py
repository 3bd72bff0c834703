"""How fast submissions are taken: one after the other, and from several connections at once."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from benchmarks.service.figures import Spread
from benchmarks.service.server import Server, serving

SMALL = {"prompt": "a red ball", "width": 128, "height": 128, "num_frames": 9, "seed": 1}


@dataclass(frozen=True)
class Enqueueing:
    """one: seconds per submission of one caller. rate: submissions a second of `callers`."""

    one: Spread
    rate: float
    callers: int


def measure(folder: Path, jobs: int, callers: int = 4) -> Enqueueing:
    """Submit `jobs` twice to a server that runs none of them."""
    with serving(folder, "--api-only") as server:
        _allow(folder, 4 * jobs)
        one = Spread.of(_submit(server, jobs))
        begun = time.monotonic()
        with ThreadPoolExecutor(callers) as threads:
            list(threads.map(lambda _: _submit(server, jobs // callers), range(callers)))
        rate = (jobs // callers) * callers / (time.monotonic() - begun)
    return Enqueueing(one, rate, callers)


def _submit(server: Server, jobs: int) -> list[float]:
    took = []
    with server.client() as client:
        for _ in range(jobs):
            begun = time.monotonic()
            answer = client.post("/api/generations", json=SMALL)
            took.append(time.monotonic() - begun)
            if answer.status_code != 202:
                raise SystemExit(f"a submission was refused: {answer.text}")
    return took


def _allow(folder: Path, jobs: int) -> None:
    """Let the local account have that many jobs waiting."""
    import sqlalchemy as sa

    from ltxserve.db.database import Database
    from ltxserve.db.tables import accounts
    from ltxserve.settings import Settings

    database = Database(Settings(data_dir=folder).database)
    with database.begin() as conn:
        conn.execute(sa.update(accounts).values(max_queued=jobs))
    database.close()
