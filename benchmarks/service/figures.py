"""Middle and tail of what was measured; pure."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Spread:
    """Of a number of measurements: how many, their median and 95th percentile."""

    count: int
    median: float
    p95: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """At least one value."""
        ordered = sorted(values)
        place = min(len(ordered) - 1, round(0.95 * (len(ordered) - 1)))
        return cls(len(ordered), statistics.median(ordered), ordered[place])

    def in_ms(self) -> str:
        """For people."""
        return f"median {self.median * 1000:.1f} ms, p95 {self.p95 * 1000:.1f} ms (n={self.count})"


def per_cent(ratio: float) -> str:
    """How much more than the other one of two is, by their ratio."""
    return f"{(ratio - 1) * 100:+.1f} %"
