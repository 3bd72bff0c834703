"""Brings a row's files from the hub into a folder of weights: resumed, checked, then renamed."""

from __future__ import annotations

import errno
import logging
import os
import shutil
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ltxserve.catalog.spec import ModelSpec
from ltxserve.catalog.weights.adapters import AdapterRow
from ltxserve.catalog.weights.check import Record, fault, read_record
from ltxserve.catalog.weights.hub import Hub, RemoteFile, needs_client
from ltxserve.catalog.weights.licences import require
from ltxserve.catalog.weights.needs import OPTIONAL, Form, Need, needs, place_of
from ltxserve.catalog.weights.places import Places
from ltxserve.errors import LtxserveError, ModelUnavailable

log = logging.getLogger(__name__)
_TRIES = 2  # a wrong digest is fetched anew once

State = Literal["waiting", "fetching", "checking", "done", "there"]


@dataclass(frozen=True)
class Pulling:
    """Where a pull is: this file, in this state, so many bytes of all its bytes."""

    file: str
    state: State
    done: int
    of: int


Watch = Callable[[Pulling], None]


def logged(pulling: Pulling) -> None:
    """A watch that writes a line to the log where a file's state changes."""
    if pulling.state != "fetching" or pulling.done == 0:
        log.info("%s: %s", pulling.state, pulling.file)


@dataclass(frozen=True)
class Wish:
    """What to pull.

    only_needed: leave out what the model can be loaded without. accepted: names of licences.
    reserve: bytes that are left free on the disk.
    """

    spec: ModelSpec | AdapterRow
    form: Form = "files"
    only_needed: bool = False
    accepted: Collection[str] = ()
    reserve: int = 64 * 2**20


def pull(wish: Wish, places: Places, hub: Hub, watch: Watch) -> tuple[Path, ...]:
    """Fetch what is missing of a row into `places.target()`; the places of its files.

    What is there already, in whichever place, is not fetched again. Raises ModelUnavailable:
    `licence_not_accepted`, `repository_gated`, `hub_unavailable`, `weights_missing`,
    `download_corrupt`; LtxserveError `storage_full`.
    """
    row = wish.spec
    whole = (row.need,) if isinstance(row, AdapterRow) else needs(row, wish.form)
    wanted = [need for need in whole if not (wish.only_needed and need.role in OPTIONAL)]
    found = {need: place_of(need, places) for need in wanted}
    absent = [need for need, place in found.items() if place is None]
    for need, place in found.items():
        if place is not None:
            watch(Pulling(need.name, "there", 1, 1))
    if absent:
        needs_client()
        target = places.target()
        require(wish.spec, target, wish.accepted)
        files = [file for need in absent for file in _remote_files(need, hub)]
        with disk_errors(target):
            target.mkdir(parents=True, exist_ok=True)
            _check_room(files, target, wish.reserve)
            for file in files:
                _bring(file, target, hub, watch)
    return tuple(place for need in wanted if (place := place_of(need, places)) is not None)


def _remote_files(need: Need, hub: Hub) -> Sequence[RemoteFile]:
    if not need.is_folder:
        return (hub.file(need.repo, need.path),)
    files = hub.folder(need.repo, need.path)
    useful = [file for file in files if _useful(file, need)]
    return useful or files


def _useful(file: RemoteFile, need: Need) -> bool:
    """Text and safetensors; not pictures, not the same weights in other formats.

    At the root of a diffusers repository lie the vendor's single files too: they are left out.
    """
    suffix = Path(file.path).suffix
    if need.role == "pipeline" and "/" not in file.path:
        return file.path == "model_index.json"
    return suffix in {".safetensors", ".json", ".model", ".txt", ".jinja"}


def _check_room(files: Sequence[RemoteFile], target: Path, reserve: int) -> None:
    lacking = sum(file.bytes - _size(part_of(file, target)) for file in files)
    free = shutil.disk_usage(target).free
    if lacking + reserve > free:
        raise _full(target, f"{lacking / 1e9:.1f} GB are to come and {free / 1e9:.1f} GB are free")


def place_in(target: Path, file: RemoteFile) -> Path:
    """Where a file lies once it is whole."""
    return target / file.repo / file.path


def part_of(file: RemoteFile, target: Path) -> Path:
    """Where a file grows; another version of it grows elsewhere."""
    version = file.digest.partition(":")[2][:16]
    return target / ".ltxserve" / "parts" / file.repo / f"{file.path}.{version}"


def _bring(file: RemoteFile, target: Path, hub: Hub, watch: Watch) -> None:
    place, part = place_in(target, file), part_of(file, target)
    for folder in (place.parent, part.parent):
        folder.mkdir(parents=True, exist_ok=True)
    with _lock(part, lambda: watch(Pulling(file.name, "waiting", 0, file.bytes))):
        if _is_there(file, target):  # somebody else brought it while we waited
            watch(Pulling(file.name, "there", file.bytes, file.bytes))
            return
        for attempt in range(1, _TRIES + 1):
            _fetch(file, part, hub, watch)
            wrong = _wrong(file, part, watch)
            if not wrong:
                break
            part.unlink()
            if attempt == _TRIES:
                raise ModelUnavailable(
                    "download_corrupt",
                    f"{file.name} arrived damaged: {wrong}.",
                    "Try again; if it stays, a proxy in between changes files.",
                )
        _synced(part)
        part.replace(place)
        Record(file.repo, file.path, file.bytes, file.digest).write(target)
        watch(Pulling(file.name, "done", file.bytes, file.bytes))


def _is_there(file: RemoteFile, target: Path) -> bool:
    place = place_in(target, file)
    record = read_record(target, file.repo, file.path)
    same = record is not None and record.digest == file.digest
    return same and _size(place) == file.bytes


def _fetch(file: RemoteFile, part: Path, hub: Hub, watch: Watch) -> None:
    if _size(part) > file.bytes:
        part.unlink()
    done = _size(part)
    watch(Pulling(file.name, "fetching", done, file.bytes))

    def tell(count: int) -> None:
        nonlocal done
        done += count
        watch(Pulling(file.name, "fetching", done, file.bytes))

    part.touch()
    hub.fetch(file, part, tell)


def _wrong(file: RemoteFile, part: Path, watch: Watch) -> str:
    done = 0

    def tell(count: int) -> None:
        nonlocal done
        done += count
        watch(Pulling(file.name, "checking", done, file.bytes))

    return fault(part, Record(file.repo, file.path, file.bytes, file.digest), tell)


def _synced(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


@contextmanager
def _lock(part: Path, waiting: Callable[[], None]) -> Iterator[None]:
    from filelock import FileLock, Timeout

    lock = FileLock(f"{part}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        waiting()
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextmanager
def disk_errors(target: Path) -> Iterator[None]:
    """Inside, errors of the disk become LtxserveError: `storage_full`, `storage_refused`."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise _full(target, "no room is left") from error
        if error.errno is None:  # not the disk: the client's own check of what arrived
            raise ModelUnavailable(
                "hub_unavailable", "A download broke in the middle.", "Try again; it goes on there."
            ) from error
        raise LtxserveError(
            "storage_refused",
            f"{target} cannot be written to: {error.strerror}.",
            "Give a folder that can: --models-dir, or LTXSERVE_MODELS.",
        ) from error


def _full(target: Path, why: str) -> LtxserveError:
    return LtxserveError(
        "storage_full",
        f"The disk of {target} is too small: {why}.",
        "Free some, or give another folder with LTXSERVE_MODELS; what has arrived is kept.",
    )
