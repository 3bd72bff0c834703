"""Text encoders that are in memory already, for the next model that reads with the same one.

Holds them weakly: what no model uses is gone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import torch


@dataclass(frozen=True)
class EncoderKey:
    """Where an encoder was read from, in which arithmetic, and the newest of its files."""

    folder: Path
    dtype: torch.dtype
    changed: float

    @classmethod
    def of(cls, folder: Path, dtype: torch.dtype) -> EncoderKey:
        """The key of what lies in a folder now, or of one file."""
        files = [folder] if folder.is_file() else folder.iterdir()
        times = [path.stat().st_mtime for path in files if path.is_file()]
        return cls(folder.resolve(), dtype, max(times, default=0.0))


class Shelf:
    """Encoders by key."""

    def __init__(self) -> None:
        self._held: WeakValueDictionary[EncoderKey, Any] = WeakValueDictionary()

    def get(self, key: EncoderKey, read: Callable[[], Any]) -> Any:
        """The encoder in memory, or the one that is read now."""
        held = self._held.get(key)
        if held is None:
            held = self._held[key] = read()
        return held

    def __len__(self) -> int:
        return len(self._held)


SHELF = Shelf()
"""Of this process."""
