"""The wire format of Server-Sent Events, read from pieces of any size; knows no job."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Message:
    """One event of a stream: its id ("" if none), its name and its data."""

    id: str
    event: str
    data: str


@dataclass
class Reader:
    """Collects a stream's pieces; `retry_seconds` is what the service asks for, if anything."""

    retry_seconds: float | None = None
    _rest: bytes = b""
    _id: str = ""
    _event: str = ""
    _data: list[str] = field(default_factory=list[str])

    def feed(self, piece: bytes) -> Iterator[Message]:
        """The events that this piece completes."""
        text = self._rest + piece
        held = b"\r" if text.endswith(b"\r") else b""  # its \n may be in the next piece
        lines = text.removesuffix(held).replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        self._rest = lines.pop() + held
        for line in lines:
            message = self._line(line.decode("utf-8", "replace"))
            if message is not None:
                yield message

    def _line(self, line: str) -> Message | None:
        if not line:
            return self._complete()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._event = value
        elif name == "id" and "\0" not in value:
            self._id = value
        elif name == "retry" and value.isdecimal():
            self.retry_seconds = int(value) / 1000
        return None

    def _complete(self) -> Message | None:
        data, event = self._data, self._event
        self._data, self._event = [], ""
        return Message(self._id, event or "message", "\n".join(data)) if data else None
