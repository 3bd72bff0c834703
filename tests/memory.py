"""Watches, and on demand limits, what torch operations allocate; works on any device."""

from __future__ import annotations

import torch

from benchmarks.engine.watching import Watching


class Allocations(Watching):
    """The largest tensor that any operation inside has made; a larger one than `limit` fails.

    It fails as a device's allocator does. limit: bytes, None = no limit.
    """

    def __init__(self, limit: int | None = None) -> None:
        super().__init__()
        self.largest = 0
        self.refused = 0
        self.limit = limit

    def see(self, tensor: torch.Tensor) -> None:
        """Fail where it is too large."""
        self.largest = max(self.largest, tensor.nbytes)
        if self.limit is not None and tensor.nbytes > self.limit:
            self.refused += 1
            raise torch.OutOfMemoryError(f"Tried to allocate {tensor.nbytes} bytes.")
