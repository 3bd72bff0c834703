"""Real Ray nodes on loopback: started, killed whole, and gone when the block ends."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from tests.guards.tree import ROOT
from tests.ports import free_ports

START = 90.0
"""Seconds that a node may take to start."""
STORE = 80_000_000  # bytes of shared memory, the least that Ray takes


class Node:
    """One raylet and what it started."""

    def __init__(self, words: list[str], folder: Path, environment: dict[str, str]) -> None:
        self._log = (folder / f"node-{secrets.token_hex(4)}.log").open("w+")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "ray.scripts.scripts", "start", *words, "--block"],
            cwd=folder,
            env=environment,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def said(self) -> str:
        """What it printed until now."""
        return Path(self._log.name).read_text()

    def wait(self) -> None:
        """Until it runs."""
        end = time.monotonic() + START
        while "Ray runtime started" not in self.said():
            assert self._process.poll() is None, self.said()
            assert time.monotonic() < end, self.said()
            time.sleep(0.1)

    def processes(self) -> list[psutil.Process]:
        """All of it, from its command down to its workers' workers."""
        try:
            top = psutil.Process(self._process.pid)
            return [top, *top.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def kill(self) -> None:
        """As when its machine loses power: everything at once, without a word."""
        doomed = self.processes()
        for process in doomed:  # first none may react to another's end
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGSTOP)
        for process in {*doomed, *self.processes()}:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self._process.wait()
        self._log.close()


class RayNodes:
    """A head with `cpus` workers' room, and more nodes on demand; with a token, as is right."""

    def __init__(self, folder: Path, cpus: int = 2) -> None:
        self.folder = folder
        # Sockets' paths must be short, whatever the test's folder is called.
        self._short = tempfile.mkdtemp(prefix="ray-")
        paths = os.pathsep.join(path for path in (str(ROOT), str(ROOT / "src")))
        self.environment = {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": secrets.token_hex(32),
            "RAY_USAGE_STATS_ENABLED": "0",
        }
        self._everything = {**os.environ, **self.environment, "PYTHONPATH": paths}
        self._gcs, self._client = free_ports(2)
        self._cpus = cpus
        self.nodes: list[Node] = []
        self.head = self.start_head()

    def start_head(self) -> Node:
        """Start the head, or a new one at the address of the one that was killed."""
        self.head = self._start(
            "--head",
            f"--port={self._gcs}",
            f"--ray-client-server-port={self._client}",
            f"--temp-dir={self._short}",
            "--include-dashboard=false",
            "--min-worker-port=0",
            "--max-worker-port=0",
            f"--num-cpus={self._cpus}",
        )
        self._wait_client_port()
        return self.head

    def _wait_client_port(self) -> None:
        """It opens after the node says that it runs; who comes too early waits half a minute."""
        end = time.monotonic() + START
        while True:
            try:
                socket.create_connection(("127.0.0.1", self._client), 1).close()
                time.sleep(1)  # its own helpers start last
                return
            except OSError:
                assert time.monotonic() < end, self.head.said()
                time.sleep(0.1)

    @property
    def url(self) -> str:
        """What `create_pool` takes."""
        return f"ray://127.0.0.1:{self._client}"

    def add(self, cpus: int = 1) -> Node:
        """One more node of the cluster."""
        return self._start(
            f"--address=127.0.0.1:{self._gcs}",
            "--min-worker-port=0",
            "--max-worker-port=0",
            f"--num-cpus={cpus}",
        )

    def close(self) -> None:
        """Kill all nodes."""
        for node in self.nodes:
            node.kill()
        shutil.rmtree(self._short, ignore_errors=True)

    def _start(self, *words: str) -> Node:
        common = ["--num-gpus=0", f"--object-store-memory={STORE}", "--disable-usage-stats"]
        node = Node([*words, *common], self.folder, self._everything)
        self.nodes.append(node)
        node.wait()
        return node


@contextlib.contextmanager
def ray_nodes(folder: Path, **options: Any) -> Iterator[RayNodes]:
    """A cluster while the block lasts; this process knows its token."""
    nodes = RayNodes(folder, **options)
    before = {name: os.environ.get(name) for name in nodes.environment}
    os.environ.update(nodes.environment)
    try:
        yield nodes
    finally:
        nodes.close()
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
