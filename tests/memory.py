"""Watches, and on demand limits, what torch operations allocate; works on any device."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode


class Allocations(TorchDispatchMode):
    """The largest tensor that any operation inside has made; a larger one than `limit` fails.

    It fails as a device's allocator does. limit: bytes, None = no limit.
    """

    def __init__(self, limit: int | None = None) -> None:
        super().__init__()
        self.largest = 0
        self.refused = 0
        self.limit = limit

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        made = func(*args, **(kwargs or {}))
        for tensor in made if isinstance(made, (tuple, list)) else (made,):
            if isinstance(tensor, torch.Tensor):
                self._note(tensor.nbytes)
        return made

    def _note(self, size: int) -> None:
        self.largest = max(self.largest, size)
        if self.limit is not None and size > self.limit:
            self.refused += 1
            raise torch.OutOfMemoryError(f"Tried to allocate {size} bytes.")
