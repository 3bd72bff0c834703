"""Lines of JSON between a pool and its worker process; knows what a line is, not what it means."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import threading
from collections.abc import Iterator
from typing import IO, Any

Line = dict[str, Any]


def encode(line: Line) -> bytes:
    """One line. Raises ValueError or TypeError for what is no JSON (NaN too)."""
    return json.dumps(line, allow_nan=False, separators=(",", ":")).encode() + b"\n"


def read_lines(stream: IO[bytes]) -> Iterator[Line]:
    """Lines until the other side closes; what is no JSON object is passed over."""
    with contextlib.suppress(OSError, ValueError):  # closed under the reader: the same as an end
        for raw in stream:
            try:
                line = json.loads(raw)
            except ValueError:
                continue
            if isinstance(line, dict):
                yield line


class Outbox:
    """Sends lines from any thread, each whole."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._lock = threading.Lock()

    def send(self, line: Line) -> None:
        """Write a line; waits while the other side does not read. Raises OSError if it is gone."""
        data = memoryview(encode(line))
        with self._lock:
            while data:
                data = data[os.write(self._fd, data) :]


class Mailbox:
    """Sends lines in a thread of its own, so that nobody waits for a reader that hangs."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        threading.Thread(target=self._run, name="pool-mailbox", daemon=True).start()

    def send(self, line: Line) -> None:
        """Returns at once; a reader that is gone is noticed by others."""
        self._lines.put(encode(line))

    def close(self) -> None:
        """Close the stream once all lines are sent, which tells the reader that it is alone."""
        self._lines.put(None)

    def _run(self) -> None:
        with contextlib.suppress(OSError, ValueError), self._stream as stream:
            while (data := self._lines.get()) is not None:
                stream.write(data)
                stream.flush()
