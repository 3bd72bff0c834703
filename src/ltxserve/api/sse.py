"""The wire format of Server-Sent Events; knows no job."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

HEARTBEAT = b": heartbeat\n\n"
"""A comment: it keeps proxies and clients from taking a quiet stream for a dead one."""
HEADERS = {"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"}
RETRY_MS = 1000


def opening(retry_ms: int = RETRY_MS) -> bytes:
    """What a stream begins with: how soon a client that lost it should come back."""
    return f"retry: {retry_ms}\n\n".encode()


def frame(seq: int, kind: str, data: Mapping[str, Any]) -> bytes:
    """One event: its id is the sequence number that Last-Event-ID gives back."""
    text = json.dumps(data, separators=(",", ":"))  # one line: JSON escapes line breaks
    return f"id: {seq}\nevent: {kind}\ndata: {text}\n\n".encode()


def last_seen(header: str | None, query: int | None) -> int:
    """After which event to go on: Last-Event-ID wins over ?after=; what is no number is 0."""
    if header and header.isdecimal() and len(header) < 19:
        return int(header)
    return max(0, query or 0)
