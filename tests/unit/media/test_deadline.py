"""One deadline over everything a connection does."""

import socket

import httpcore
import pytest

from ltxserve.media.deadline import Deadline, DeadlineBackend, bounded_lookup
from tests.clocks import Clock


class Stream(httpcore.NetworkStream):
    """A stream that remembers how long it was told to wait."""

    def __init__(self) -> None:
        self.waits: list[float | None] = []
        self.closed = False

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self.waits.append(timeout)
        return b"x"

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self.waits.append(timeout)

    def close(self) -> None:
        self.closed = True

    def start_tls(self, ssl_context, server_hostname=None, timeout=None):  # type: ignore[no-untyped-def]
        self.waits.append(timeout)
        return self

    def get_extra_info(self, info: str) -> str:
        return info


class Backend(httpcore.NetworkBackend):
    def __init__(self, stream: Stream) -> None:
        self.stream = stream

    def connect_tcp(self, host, port, timeout=None, local_address=None, socket_options=None):  # type: ignore[no-untyped-def]
        self.stream.waits.append(timeout)
        return self.stream


def test_left():
    clock = Clock(100)
    deadline = Deadline(10, clock)
    assert (deadline.left(), deadline.left(3)) == (10, 3)
    clock.now = 108
    assert deadline.left(3) == 2
    clock.now = 110
    with pytest.raises(httpcore.ReadTimeout):
        deadline.left()


def test_every_wait_is_cut():
    clock, inner = Clock(0), Stream()
    stream = DeadlineBackend(Backend(inner), Deadline(10, clock)).connect_tcp("h", 1, 20)
    clock.now = 4
    stream = stream.start_tls(httpcore.default_ssl_context(), "h", 20)
    clock.now = 7
    stream.read(1, 20)
    stream.write(b"", 1)
    assert inner.waits == [10, 6, 3, 1]
    clock.now = 11
    with pytest.raises(httpcore.ReadTimeout):
        stream.read(1)
    stream.close()
    assert inner.closed
    assert stream.get_extra_info("socket") == "socket"


def test_a_lookup_answers_or_fails_as_it_would():
    deadline = Deadline(300)

    def unknown(*_: object):
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    def no_name(*_: object):
        "\udcff.example".encode("idna")
        return []

    assert bounded_lookup(lambda *words: [words], deadline, 300)("h", 1) == [("h", 1)]
    for lookup in (unknown, no_name):
        with pytest.raises(socket.gaierror):
            bounded_lookup(lookup, deadline, 300)("h", 1)
