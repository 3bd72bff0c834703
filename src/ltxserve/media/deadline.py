"""A network backend under one deadline for everything: lookup, connecting, headers, body.

Knows no URL and no policy. Time-outs of HTTP clients count per read, so a server that sends one
byte in a while could hold a connection for ever.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

import httpcore

Lookup = Callable[..., Iterable[Any]]
"""The shape of socket.getaddrinfo."""


class Deadline:
    """A moment on a monotonic clock, `seconds` from now."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._end = clock() + seconds

    def left(self, at_most: float | None = None) -> float:
        """Seconds left, or less. Raises httpcore.ReadTimeout when there are none."""
        left = self._end - self._clock()
        if left <= 0:
            raise httpcore.ReadTimeout("the time for the whole transfer is over")
        return left if at_most is None else min(left, at_most)


class DeadlineBackend(httpcore.NetworkBackend):
    """Another backend's connections, with every wait cut to what is left."""

    def __init__(self, inner: httpcore.NetworkBackend, deadline: Deadline) -> None:
        self._inner = inner
        self._deadline = deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        left = self._deadline.left(timeout)
        stream = self._inner.connect_tcp(host, port, left, local_address, socket_options)
        return _DeadlineStream(stream, self._deadline)


class _DeadlineStream(httpcore.NetworkStream):
    def __init__(self, inner: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._inner = inner
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._deadline.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, self._deadline.left(timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        left = self._deadline.left(timeout)
        return _DeadlineStream(
            self._inner.start_tls(ssl_context, server_hostname, left), self._deadline
        )

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


def bounded_lookup(lookup: Lookup, deadline: Deadline, seconds: float) -> Lookup:
    """A lookup that gives up; the platform's own takes no time-out and cannot be stopped.

    What hangs stays behind in a daemon thread until the platform ends it.
    """

    def look(*words: Any) -> Iterable[Any]:
        answers: list[Iterable[Any]] = []
        failures: list[OSError] = []

        def ask() -> None:
            try:
                answers.append(lookup(*words))
            except OSError as error:
                failures.append(error)
            except UnicodeError:  # a name that is no name
                failures.append(socket.gaierror(socket.EAI_NONAME, "not a host name"))

        thread = threading.Thread(target=ask, name="lookup", daemon=True)
        thread.start()
        thread.join(deadline.left(seconds))
        if failures:
            raise failures[0]
        if not answers:
            raise socket.gaierror(socket.EAI_AGAIN, "the name server did not answer in time")
        return answers[0]

    return look
