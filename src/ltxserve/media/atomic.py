"""Files that appear whole or not at all; knows nothing of what is in them.

Everything unfinished lives in one folder `.NAME.TOKEN.ltxserve-part` beside the target, so
a killed process leaves nothing under the final name and what it leaves is easy to recognise.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ltxserve.errors import MediaError
from ltxserve.media.failures import writing

PART_SUFFIX = ".ltxserve-part"


@dataclass(frozen=True)
class Draft:
    """An unfinished result: write to `result`; `folder` also takes any working files."""

    folder: Path
    result: Path


def is_partial(path: Path) -> bool:
    """Whether a name is that of unfinished work, which only a killed process leaves behind."""
    return path.name.startswith(".") and path.name.endswith(PART_SUFFIX)


@contextmanager
def replacing(target: Path, durable: bool = True) -> Iterator[Draft]:
    """Give a draft that takes the place of `target` when the block ends without an exception.

    The result (file or folder) is flushed to disk before it is renamed, unless it need not be
    durable. On any exception, KeyboardInterrupt included, the draft is removed and `target` stays
    as it was.
    Raises MediaError (`media_write_failed`) when the file system refuses.
    """
    with writing(target.name):
        target.parent.mkdir(parents=True, exist_ok=True)
        # Names are limited to 255 bytes; the stem is only there for people to read.
        stem = target.name.encode()[:80].decode(errors="ignore")
        folder = target.parent / f".{stem}.{uuid.uuid4().hex[:12]}{PART_SUFFIX}"
        folder.mkdir(mode=0o700)
    try:
        draft = Draft(folder, folder / target.name)
        yield draft
        with writing(target.name):
            if durable:
                _flush(draft.result)
            _put(draft, target)
            if durable:
                _sync(target.parent)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def check_replaceable(target: Path, *, folder: bool) -> None:
    """Refuse early what `replacing` could only refuse after all the work was done.

    Raises MediaError (`output_invalid`) if a folder is where a file should go or the reverse.
    """
    if target.exists() and target.is_dir() != folder:
        kind = "folder" if target.is_dir() else "file"
        raise MediaError(
            "output_invalid", f"{target.name} is already a {kind}.", "Choose another name."
        )


def _put(draft: Draft, target: Path) -> None:
    if not target.is_dir():
        os.replace(draft.result, target)
        return
    # A folder cannot be renamed over a full one: step the old one aside, and back on failure.
    aside = draft.folder / "replaced"
    os.rename(target, aside)
    try:
        os.rename(draft.result, target)
    except OSError:
        os.rename(aside, target)
        raise


def _flush(result: Path) -> None:
    for file in sorted(result.iterdir()) if result.is_dir() else [result]:
        _sync(file)
    if result.is_dir():
        _sync(result)


def _sync(path: Path) -> None:
    if path.is_dir() and os.name != "posix":  # folders cannot be opened there
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
