"""The command from outside: starts without configuration, serves, ends as it is told to."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from ltxserve.cli.serve import told_to_end
from ltxserve.jobs.lock import FileLock

MAIN = "from ltxserve.cli import main; main()"


class Command:
    """A running `ltxserve` with a data folder of its own."""

    def __init__(self, folder: Path, *words: str) -> None:
        environment = {**os.environ, "LTXSERVE_DATA_DIR": str(folder), "OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", MAIN, *words],
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines: list[str] = []

    def wait_for(self, pattern: str) -> str:
        """The first group of the first line that matches."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line)
            found = re.search(pattern, line)
            if found:
                return found[1]
        raise AssertionError("".join(self.lines))

    def end(self, number: int) -> int:
        """Send a signal; the exit code."""
        self.process.send_signal(number)
        _, rest = self.process.communicate(timeout=60)
        self.lines.append(rest)
        return self.process.returncode


@pytest.fixture
def commands() -> Iterator[list[Command]]:
    running: list[Command] = []
    yield running
    for command in running:
        command.process.kill()
        command.process.communicate()


def ask(url: str) -> dict[str, object]:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return json.load(answer)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_api_only_serves_and_ends(commands: list[Command], tmp_path: Path, number: int) -> None:
    command = Command(tmp_path, "serve", "--api-only", "--port", "0")
    commands.append(command)
    url = command.wait_for(r"serves on (http://127\.0\.0\.1:\d+)")
    assert ask(f"{url}/healthz")["status"] == "ok"
    assert ask(f"{url}/readyz")["checks"] == {"database": "ok", "workers": "elsewhere"}
    assert ask(f"{url}/api/generations")["data"] == []
    assert command.end(number) == 0
    assert "Traceback" not in "".join(command.lines)


def test_orchestrate_takes_the_lock_and_ends(commands: list[Command], tmp_path: Path) -> None:
    command = Command(tmp_path, "orchestrate")
    commands.append(command)
    command.wait_for("(runs jobs)")
    lock = FileLock(tmp_path / "ltxserve.db.orchestrator")
    assert command.end(signal.SIGTERM) == 0
    assert lock.take()
    lock.release()
    assert "Traceback" not in "".join(command.lines)


def test_a_port_that_is_taken_is_said_before_anything_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = Command(tmp_path, "serve", "--port", str(port))
        _, said = command.process.communicate(timeout=60)
    assert command.process.returncode == 1
    assert f"127.0.0.1:{port} cannot be listened on" in said
    assert not (tmp_path / "ltxserve.db").exists()


def test_the_first_signal_asks_and_the_second_interrupts() -> None:
    asked: list[bool] = []
    before = signal.getsignal(signal.SIGTERM)
    with told_to_end(lambda: asked.append(True)):
        signal.raise_signal(signal.SIGTERM)
        assert asked == [True]
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGTERM) is before
