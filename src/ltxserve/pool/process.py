"""One worker process as its keeper sees it: started, written to, read from, killed."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
from typing import IO

from ltxserve.errors import LtxserveError
from ltxserve.pool.base import WorkerSpec
from ltxserve.pool.wire import Line, Mailbox, read_lines

_DYING = 5.0  # seconds that a killed process may take to be gone


class Process:
    """A worker process of its own session, so that it and all it starts can be killed together.

    Must be made in a thread that lives as long as the process: the kernel kills the process when
    that thread ends. wait: as a spare, it loads its libraries and then nothing before `go`.
    """

    def __init__(self, spec: WorkerSpec, device: str, beat: float, wait: bool = False) -> None:
        command = [sys.executable, "-P", "-m", "ltxserve.pool.worker", spec.entry]
        self._popen = subprocess.Popen(
            [*command, str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=_environment(device),
            start_new_session=True,
        )
        assert self._popen.stdin is not None
        assert self._popen.stdout is not None
        self.pid = self._popen.pid
        self._inbox: queue.SimpleQueue[Line] = queue.SimpleQueue()
        self._read_all = threading.Event()
        self._mailbox = Mailbox(self._popen.stdin)
        stdout = self._popen.stdout
        threading.Thread(target=self._read, args=(stdout,), name="pool-read", daemon=True).start()
        # In the pipe and not on the command line, where everybody could read its secrets.
        self.send({"config": spec.config, "beat": beat, "wait": wait})

    def send(self, line: Line) -> None:
        """Write a line, some time; never waits."""
        self._mailbox.send(line)

    def go(self) -> None:
        """Let a spare begin."""
        self.send({"go": True})

    def hear(self, seconds: float) -> Line | None:
        """The next line, or None after so many seconds without one."""
        try:
            return self._inbox.get(timeout=seconds)
        except queue.Empty:
            return None

    @property
    def alive(self) -> bool:
        return self._popen.poll() is None

    def let_go(self, seconds: float) -> None:
        """Close its pipe, which orders it to end, and wait for that."""
        self._mailbox.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(seconds)

    def kill(self) -> list[Line]:
        """End it and all it started; what it had said before that was not heard yet."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.name == "posix":
                os.killpg(self.pid, signal.SIGKILL)
        self._popen.kill()
        self._popen.wait()
        self._mailbox.close()
        self._read_all.wait(_DYING)
        last = []
        with contextlib.suppress(queue.Empty):
            while True:
                last.append(self._inbox.get_nowait())
        return last

    def obituary(self) -> LtxserveError:
        """How it ended, once it has."""
        code = self._popen.returncode
        if code is not None and code < 0:
            number = -code
            name = signal.Signals(number).name if number in set(signal.Signals) else str(number)
            message = f"The worker was killed by signal {name}."
        else:
            message = f"The worker ended with code {code}."
        hint = "If nobody killed it, the machine may have run out of memory: see the system's log."
        return LtxserveError("worker_lost", message, hint)

    def _read(self, stream: IO[bytes]) -> None:
        with stream:
            for line in read_lines(stream):
                self._inbox.put(line)
        self._read_all.set()


def _environment(device: str) -> dict[str, str]:
    """Ours, with the same modules in reach, and only the worker's own GPU in sight."""
    paths = [path or os.getcwd() for path in sys.path]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    if device == "cpu":
        environment["CUDA_VISIBLE_DEVICES"] = ""
    elif device.startswith("cuda:"):
        environment["CUDA_VISIBLE_DEVICES"] = device.removeprefix("cuda:")
    return environment
