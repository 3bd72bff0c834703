"""Ids: UUIDv7 strings (RFC 9562), so that newer ids sort after older ones; knows no table."""

from __future__ import annotations

import secrets
import threading
import time
import uuid

_lock = threading.Lock()
_last = 0


def new_id() -> str:
    """A fresh id, greater than every id this process made before, even when the clock steps back.

    48 bits of milliseconds, 12 bits below the millisecond (RFC 9562, method 3), 62 random bits.
    """
    global _last  # noqa: PLW0603 - one clock per process
    nanoseconds = time.time_ns()
    ticks = (nanoseconds // 1_000_000 << 12) | (nanoseconds % 1_000_000 * 4096 // 1_000_000)
    with _lock:
        ticks = max(ticks, _last + 1)
        _last = ticks
    high = (ticks >> 12) << 80 | 0x7 << 76 | (ticks & 0xFFF) << 64
    return str(uuid.UUID(int=high | 0b10 << 62 | secrets.randbits(62)))
