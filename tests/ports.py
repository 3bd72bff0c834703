"""Ports for servers that cannot choose their own: out of the range that connections are given."""

import socket
from random import SystemRandom

RANGE = range(12_000, 22_000)
"""The system gives connections ports from 32768 on; from there, one that was free a moment ago may
be taken before its server has started. A server that takes each plus 10000, too, stays below."""


def free_ports(count: int, beside: int = 0) -> list[int]:
    """Different ports that nobody uses now; nor those `beside` them, where that is not 0."""
    chance, found = SystemRandom(), set[int]()
    while len(found) < count:
        port = chance.choice(RANGE)
        if _is_free(port) and _is_free(port + beside):
            found.add(port)
    return list(found)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
