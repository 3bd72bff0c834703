"""Checks and removes weights that are on this machine; fetches nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ltxserve.catalog.weights.adapters import Row, locate_row, may_have_pulled
from ltxserve.catalog.weights.check import Record, fault, read_record, remove_record
from ltxserve.catalog.weights.needs import ADAPTER, Need
from ltxserve.catalog.weights.places import Places


@dataclass(frozen=True)
class Checked:
    """A file and what is wrong with it ("" = nothing). by: what it was compared with."""

    need: Need
    path: Path
    fault: str
    by: str


Tell = Callable[[Path, int, int], None]
"""Told of a file, how many of its bytes were read, and how many it has."""


def verify(row: Row, places: Places, tell: Tell | None = None) -> tuple[Checked, ...]:
    """Every file of a row that is here, read whole and compared with the record of its pull.

    Without a record (a file that somebody else put there), its structure alone is looked at.
    """
    located = locate_row(row, places)
    return tuple(
        _checked(need, file, tell) for need, path in located.found.items() for file in _files(path)
    )


def _checked(need: Need, file: Path, tell: Tell | None) -> Checked:
    record = record_of(need.repo, file)
    size, done = file.stat().st_size, 0

    def count(piece: int) -> None:
        nonlocal done
        done += piece
        if tell is not None:
            tell(file, done, size)

    wrong = fault(file, record, count)
    by = "size and digest" if record is not None else "structure"
    return Checked(need, file, wrong, by)


def record_of(repo: str, file: Path) -> Record | None:
    """The record of a file that lies at FOLDER/repo/path; None for files that were not pulled."""
    parts, wanted = file.parts, tuple(repo.split("/"))
    for start in range(len(parts) - len(wanted) - 1, -1, -1):
        if parts[start : start + len(wanted)] == wanted:
            inner = "/".join(parts[start + len(wanted) :])
            return read_record(Path(*parts[:start]), repo, inner)
    return None


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    yield from sorted(file for file in path.rglob("*") if file.is_file())


def remove(
    row: Row, others: Iterable[Row], places: Places
) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """Delete a row's pulled files, less those another row that is here needs: (gone, kept).

    Only what a pull brought is deleted, never files that somebody else put there.
    """
    root = places.target()
    present = [other for other in others if _is_here(other, places)]
    shared = {(need.repo, need.path) for other in present for need in may_have_pulled(other)}
    gone: list[Path] = []
    kept: list[Path] = []
    for need in sorted(may_have_pulled(row), key=lambda n: (n.repo, n.path)):
        for file in _pulled(root, need):
            (kept if (need.repo, need.path) in shared else gone).append(file)
    for file in gone:
        file.unlink()
        inner = file.relative_to(root).as_posix()
        owner, name, path = inner.split("/", 2)
        remove_record(root, f"{owner}/{name}", path)
        _tidy(file.parent, root)
    return tuple(gone), tuple(kept)


def _is_here(row: Row, places: Places) -> bool:
    return bool(may_have_pulled(row)) and not locate_row(row, places).blocking


def _pulled(root: Path, need: Need) -> list[Path]:
    place = root / need.repo / need.path
    inside = _files(place) if place.exists() else iter(())
    if not need.is_folder or need.path or need.role == ADAPTER:
        return [f for f in inside if record_of(need.repo, f) is not None]
    # A whole repository: the vendor's single files at its root belong to rows of their own.
    return [f for f in inside if record_of(need.repo, f) is not None and _is_part(f, place)]


def _is_part(file: Path, root: Path) -> bool:
    return file.parent != root or file.suffix != ".safetensors" or (root / "config.json").is_file()


def _tidy(folder: Path, root: Path) -> None:
    while folder not in (root, folder.parent):
        with contextlib.suppress(OSError):
            folder.rmdir()
        folder = folder.parent
