"""Trying again, a bounded number of times with growing pauses; knows no store."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from ltxserve.errors import StorageError
from ltxserve.storage.base import ArtifactStore, Stored

T = TypeVar("T")
_TAIL = 4096


@dataclass(frozen=True)
class Patience:
    """How often and how long: `attempts` in all, pauses double from `first` up to `longest` s.

    Each pause is drawn between half of that and the whole, so that many who fail at once do not
    come back at once.
    """

    attempts: int = 5
    first: float = 0.25
    longest: float = 4.0
    sleep: Callable[[float], None] = time.sleep

    def pause(self, failures: int) -> None:
        """Wait after so many failures in a row."""
        whole = min(self.longest, self.first * 2 ** (failures - 1))
        self.sleep(whole * random.uniform(0.5, 1.0))


PATIENT = Patience()
"""What the stores do unless told otherwise: about 4 seconds in all."""


def retrying(action: Callable[[], T], patience: Patience) -> T:
    """The action's result, tried again while it raises StorageError `storage_unavailable`."""
    failures = 0
    while True:
        try:
            return action()
        except StorageError as error:
            failures += 1
            if error.code != "storage_unavailable" or failures >= patience.attempts:
                raise
        patience.pause(failures)


def confirm(store: ArtifactStore, stored: Stored, path: Path, patience: Patience) -> Stored:
    """What was stored, once it reads back: its size, and its last bytes as they are in `path`.

    Nothing is reported to anybody before this has passed. Raises StorageError.
    """

    def look() -> Stored:
        found = store.stat(stored.key)
        if found is None or found.bytes != stored.bytes:
            raise _not_there(stored.key)
        start = max(0, stored.bytes - _TAIL)
        with path.open("rb") as file:
            file.seek(start)
            if file.read() != b"".join(store.open(stored.key, start)):
                raise _not_there(stored.key)
        return stored

    return retrying(look, patience)


def _not_there(key: str) -> StorageError:
    return StorageError(
        "storage_unavailable", f"{key} was stored, but does not read back.", "Try again later."
    )
