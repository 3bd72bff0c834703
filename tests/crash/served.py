"""One service process to be killed: everything but HTTP, on real workers with a stand-in body.

Run as `python -m tests.crash.served FOLDER DATABASE_URL POOL_URL`; says "ready" when it runs jobs.
"""

import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import IO, Self

import time_machine

from ltxserve.app import create_app
from tests.services import QUICK, SECONDS, settings_for, tuned

WORKERS = 2


class Served:
    """The process from outside."""

    def __init__(self, folder: Path, database_url: str, pool: str = "local") -> None:
        words = ["-m", "tests.crash.served", str(folder), database_url, pool]
        self._words = [sys.executable, *words]
        self._log: IO[str] = (folder / "served.log").open("a")
        self._process: subprocess.Popen[str] | None = None
        self.starts = 0

    def start(self) -> None:
        """Start it; it may take a moment until it runs jobs."""
        self.starts += 1
        self._process = subprocess.Popen(
            self._words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, text=True
        )

    def wait_ready(self) -> None:
        """Wait until it runs jobs."""
        assert self._process is not None
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n", "see served.log"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def shift_clock(self, seconds: float) -> None:
        """Set its wall clock to the true time and so many seconds more; a restart sets it right."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.write(f"{seconds}\n")
            self._process.stdin.flush()

    def kill(self) -> None:
        """kill -9; its workers follow it."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._log.close()


def main(folder: str, database_url: str, pool: str) -> None:
    settings = settings_for(Path(folder), database_url=database_url, pool=pool)
    limits = replace(QUICK, losses=20, attempts=200)  # a storm is no fault of the jobs
    app = create_app(settings, "orchestrator", tuned(limits, WORKERS))
    app.start()
    assert app.orchestrator is not None
    if app.orchestrator.wait_active(SECONDS):
        print("ready", flush=True)  # noqa: T201 - what its parent waits for
    follow_clock()


def follow_clock() -> None:
    """Step this process' wall clock as its parent says; what only goes forward is not touched."""
    true = time.time
    stepped: time_machine.travel | None = None
    for line in sys.stdin:
        if stepped is not None:
            stepped.stop()
        stepped = time_machine.travel(true() + float(line), tick=True)
        stepped.start()
    threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
