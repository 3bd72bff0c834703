"""Files in a folder, served by our own API through signed links; knows no HTTP.

A file lies under its key, so that people find it; type and sum lie in `.meta` beside it. Both
describe each other by size and time, so no crash between the two writes can pair them wrongly.
"""

from __future__ import annotations

import contextlib
import errno
import json
import mimetypes
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ltxserve.errors import StorageError
from ltxserve.storage.base import CHUNK, Stored, check_key, described, missing, span
from ltxserve.storage.links import Grant, Links

ROUTE = "/files/"
"""Where the API redeems tokens; `url` answers PUBLIC_URL + ROUTE + TOKEN."""
_META = ".meta"
_PARTS = ".parts"
_STALE = 86400.0
"""Seconds after which an unfinished file is nobody's: a copy on one machine never takes so long."""
_FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True)
class _Note:
    """What is remembered about a file, and by which size and time it is recognised."""

    media_type: str
    sha256: str
    bytes: int
    changed: int


class LocalStore:
    """A folder as a store. public_url: what links begin with, "" for links without a host."""

    def __init__(self, folder: Path, links: Links, public_url: str = "") -> None:
        self.links = links
        self._folder = folder.absolute()
        self._public_url = public_url.rstrip("/")
        with translated():
            (self._folder / _PARTS).mkdir(parents=True, exist_ok=True)
            _sweep(self._folder / _PARTS)

    def path(self, key: str) -> Path:
        """Where a file lies; for servers that send files themselves."""
        return self._folder / check_key(key)

    def put(self, key: str, path: Path, media_type: str) -> Stored:
        target = self.path(key)
        part = self._folder / _PARTS / uuid.uuid4().hex
        with translated():
            try:
                shutil.copyfile(path, part)
                stored = described(key, part, media_type)
                _flush(part)
                self._remember(stored, part.stat().st_mtime_ns)
                _move(part, target)
            finally:
                part.unlink(missing_ok=True)
        return stored

    def open(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        stored = self.stat(key)
        if stored is None:
            raise missing(key)
        return self._pieces(key, *span(stored, start, end))

    def stat(self, key: str) -> Stored | None:
        path = self.path(key)
        with translated():
            try:
                found = path.stat()
            except (FileNotFoundError, NotADirectoryError):
                return None
            if not path.is_file():
                return None
            note = self._note(key)
            if note and (note.bytes, note.changed) == (found.st_size, found.st_mtime_ns):
                return Stored(key, note.bytes, note.media_type, note.sha256)
            # Put there by hand, or a crash came between note and file: measure it.
            guess = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
            stored = described(key, path, guess)
            self._remember(stored, found.st_mtime_ns)
            return stored

    def delete(self, key: str) -> None:
        path = self.path(key)
        for gone, root in ((path, self._folder), (self._note_path(key), self._folder / _META)):
            with translated():
                with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                    gone.unlink()
                _prune(gone.parent, root)

    def url(
        self,
        key: str,
        expires_in: int,
        file_name: str | None = None,
        media_type: str | None = None,
    ) -> str:
        token = self.links.sign(Grant(key, file_name, media_type), expires_in)
        return f"{self._public_url}{ROUTE}{token}"

    def close(self) -> None:
        """Nothing is held open between calls."""

    def _pieces(self, key: str, start: int, stop: int) -> Iterator[bytes]:
        try:
            file = self.path(key).open("rb")
        except FileNotFoundError as error:
            raise missing(key) from error
        with file, translated():
            file.seek(start)
            left = stop - start
            while left > 0 and (piece := file.read(min(CHUNK, left))):
                left -= len(piece)
                yield piece

    def _note_path(self, key: str) -> Path:
        # "~" is in no key, so that no note can be where a folder of notes must be.
        return self._folder / _META / f"{key}~"

    def _note(self, key: str) -> _Note | None:
        try:
            return _Note(**json.loads(self._note_path(key).read_text("utf-8")))
        except (FileNotFoundError, NotADirectoryError, ValueError, TypeError):
            return None

    def _remember(self, stored: Stored, changed: int) -> None:
        note = {
            "media_type": stored.media_type,
            "sha256": stored.sha256,
            "bytes": stored.bytes,
            "changed": changed,
        }
        part = self._folder / _PARTS / uuid.uuid4().hex
        try:
            part.write_text(json.dumps(note), "utf-8")
            _move(part, self._note_path(stored.key))
        finally:
            part.unlink(missing_ok=True)


@contextmanager
def translated() -> Iterator[None]:
    """Turn errors of the file system into StorageError."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StorageError(
                "storage_full", "The folder of stored files has no space left.", "Free some space."
            ) from error
        raise StorageError(
            "storage_unavailable",
            f"The folder of stored files cannot be used: {error.strerror or type(error).__name__}.",
            "Check the folder, its owner and its rights.",
        ) from error


def _move(part: Path, target: Path) -> None:
    """Rename into place; a folder that `delete` prunes in the same moment is made again."""
    for left in reversed(range(100)):
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(part, target)
        except (FileNotFoundError, FileExistsError):
            if not left:
                raise
            continue
        _flush(target.parent)
        return


def _sweep(parts: Path) -> None:
    """Remove what puts left that were killed; other processes may be putting something now."""
    for part in parts.iterdir():
        with contextlib.suppress(FileNotFoundError):  # done, or swept by another
            if time.time() - part.stat().st_mtime > _STALE:
                part.unlink()


def _prune(folder: Path, root: Path) -> None:
    while folder != root:
        try:
            folder.rmdir()
        except OSError:  # not empty, or pruned by another
            return
        folder = folder.parent


def _flush(path: Path) -> None:
    if path.is_dir() and os.name != "posix":  # folders cannot be opened there
        return
    with contextlib.suppress(FileNotFoundError):  # a folder that was pruned right after
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
