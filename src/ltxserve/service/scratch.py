"""A folder for what a worker writes while it works; those of workers that were killed go too.

A folder is locked for as long as its process lives, whichever container or user that is in, so
an unlocked one is nobody's.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from pathlib import Path

if sys.platform != "win32":
    import fcntl

PREFIX = "ltxserve-worker-"
_LOCK = "lock"


class Scratch:
    """A folder of this process, made in `root` (None = the system's own place), with a lock."""

    def __init__(self, root: Path | None = None) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=root))
        self._lock = os.open(self.folder / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
        if sys.platform != "win32":
            fcntl.flock(self._lock, fcntl.LOCK_EX)

    def room(self) -> tempfile.TemporaryDirectory[str]:
        """A folder for one job, gone at the end of the block."""
        return tempfile.TemporaryDirectory(dir=self.folder, ignore_cleanup_errors=True)

    def close(self) -> None:
        """Remove the folder and all in it."""
        shutil.rmtree(self.folder, ignore_errors=True)
        os.close(self._lock)


def sweep(root: Path | None = None) -> int:
    """Remove what dead workers left; how many folders that were."""
    removed = 0
    for folder in Path(root or tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):  # somebody else's, or just being removed
            if _is_abandoned(folder):
                shutil.rmtree(folder)
                removed += 1
    return removed


def in_use(root: Path | None = None) -> int:
    """How many workers that live have a folder here."""
    found = 0
    for folder in Path(root or tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):  # somebody else's, or just being made or removed
            found += not _is_abandoned(folder)
    return found


def _is_abandoned(folder: Path) -> bool:
    if sys.platform == "win32":  # no such locks: what is left waits for the system's own sweep
        return False
    # Opened without creating it: a folder that has no lock yet is just being made.
    lock = os.open(folder / _LOCK, os.O_RDWR)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(lock)
    return True
