"""Byte ranges of a file as HTTP asks for them (RFC 9110, section 14); knows no store."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ltxserve.errors import LtxserveError

_RANGE = re.compile(r"bytes\s*=\s*(\d{0,18})\s*-\s*(\d{0,18})\s*", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True)
class Part:
    """Bytes `start` (from 0) up to but not including `end` of a file of `total` bytes."""

    start: int
    end: int
    total: int

    @property
    def length(self) -> int:
        """How many bytes it has."""
        return self.end - self.start

    @property
    def content_range(self) -> str:
        """The value of the Content-Range header."""
        return f"bytes {self.start}-{self.end - 1}/{self.total}"


def part_of(header: str | None, total: int) -> Part | None:
    """The part that a Range header asks for; None = the whole file.

    A header of another unit, of several ranges or with bad syntax is ignored, as the standard
    allows. Raises LtxserveError `range_invalid` for a range that begins after the end.
    """
    match = _RANGE.fullmatch(header) if header else None
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if first == "":
        start, end = max(0, total - int(last)), total
    else:
        start, end = int(first), min(total, int(last) + 1) if last else total
        if last and int(last) < start:
            return None
    if start >= total:
        raise LtxserveError(
            "range_invalid", f"The file has {total} bytes.", "Ask for a part that it has.", "Range"
        )
    return Part(start, end, total)
