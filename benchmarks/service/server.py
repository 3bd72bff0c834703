"""A service of its own for a measurement: the real command on a free port and an empty folder."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

START = 180.0
"""Seconds that the workers may take to load their model."""


@dataclass(frozen=True)
class Server:
    """A running service."""

    url: str
    folder: Path

    def client(self) -> httpx.Client:
        """A client that keeps its connections."""
        return httpx.Client(base_url=self.url, timeout=60)


@contextlib.contextmanager
def serving(folder: Path, *words: str) -> Iterator[Server]:
    """`ltxserve serve` with these options until the block ends; ready when it is given."""
    folder.mkdir(parents=True, exist_ok=True)
    # The same surroundings for all that is compared, and none of the user's settings.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("LTXSERVE_")}
    environment |= {"LTXSERVE_DATA_DIR": str(folder), "LTXSERVE_DEVICE": "cpu"}
    log = (folder / "server.log").open("w+")
    run = "from ltxserve.cli import main; main()"
    command = [sys.executable, "-c", run, "serve", "--port", "0", *words]
    process = subprocess.Popen(command, env=environment, stderr=log, text=True)
    try:
        url = _address(process, folder / "server.log")
        _wait_ready(url, api_only="--api-only" in words)
        yield Server(url, folder)
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        log.close()


def _address(process: subprocess.Popen[str], log: Path) -> str:
    end = time.monotonic() + START
    while time.monotonic() < end:
        found = re.search(r"serves on (http://\S+)", log.read_text())
        if found:
            return found[1]
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise SystemExit(f"the service did not start:\n{log.read_text()}")


def _wait_ready(url: str, api_only: bool) -> None:
    end = time.monotonic() + START
    path = "/healthz" if api_only else "/readyz"
    while time.monotonic() < end:
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(url + path, timeout=10).status_code == 200:
                return
        time.sleep(0.1)
    raise SystemExit(f"{url} is not ready after {START:g} s: {httpx.get(url + path).text}")
