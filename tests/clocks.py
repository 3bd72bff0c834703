"""Clocks for tests, in seconds since the epoch."""

from __future__ import annotations

import time
from dataclasses import dataclass


@dataclass
class Clock:
    """A clock that is moved by hand."""

    now: float = 1_790_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Shifted:
    """The real time, put back for a while: what is signed meanwhile was signed long ago."""

    shift: float = 0.0

    def __call__(self) -> float:
        return time.time() + self.shift
