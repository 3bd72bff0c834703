"""The steps of a conversation with the service, without anybody who carries them out.

A flow is a generator that yields steps and is sent their answers; it is the one core of both
clients. `blocking` and `asynchronous` carry out the same steps with httpx.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Request:
    """One HTTP request. `file` goes as a multipart field of that name; `timeout` is how many
    seconds of silence are borne, None = the client's own."""

    method: str
    path: str
    params: Mapping[str, Any] = field(default_factory=dict[str, Any])
    json: Any = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    file: tuple[str, Path] | None = None
    timeout: float | None = None


@dataclass(frozen=True)
class Answer:
    """What came back; `body` is empty for a stream that is open."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def media_type(self) -> str:
        return self.headers.get("content-type", "")


@dataclass(frozen=True)
class Lost:
    """No answer, or a stream that broke: why, and whether the request may have been heard."""

    why: str
    sent: bool = True


@dataclass(frozen=True)
class Send:
    """Send a request and read its whole answer: an Answer or Lost."""

    request: Request


@dataclass(frozen=True)
class Open:
    """Send a request and keep its answer's body open: an Answer or Lost. A body that was open
    before is closed; the last one is when the flow ends."""

    request: Request


@dataclass(frozen=True)
class Read:
    """The next piece of the open body: bytes, None at its end, or Lost."""


@dataclass(frozen=True)
class Sleep:
    """Wait: None."""

    seconds: float


@dataclass(frozen=True)
class Clock:
    """The time now: float seconds that only rise."""


@dataclass(frozen=True)
class Emit:
    """Hand something out to whoever iterates: None."""

    thing: Any


Step = Send | Open | Read | Sleep | Clock | Emit
Flow = Generator[Step, Any, T]
