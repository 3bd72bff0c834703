"""What libraries draw without a generator of their own, made to follow from a run's seed.

Outside, nothing is changed: the sources that everything shares go on where they were.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch

T = TypeVar("T")


def drawn(generator: torch.Generator) -> int:
    """A seed that follows from a run's generator."""
    return int(torch.randint(2**31, (1,), generator=generator))


@dataclass(frozen=True)
class Chance:
    """Chance of one kind within one run, on its device."""

    seed: int
    device: torch.device

    @contextmanager
    def drawing(self, number: int = 0) -> Iterator[None]:
        """Inside, what is drawn follows from the seed and the number."""
        with torch.random.fork_rng([self.device] if self.device.type == "cuda" else []):
            torch.manual_seed(self.seed + number)
            yield

    def following(self, pieces: Iterator[T]) -> Iterator[T]:
        """The pieces; what is drawn to make each follows from the seed."""
        number = 0
        while True:
            with self.drawing(number):
                made = next(pieces, _END)
            if isinstance(made, _End):
                return
            yield made
            number += 1


class _End:
    """No piece is left."""


_END = _End()
