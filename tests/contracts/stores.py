"""The stores of the contract suite, each with a clock and a way to read its links as a browser."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from ltxserve.errors import StorageError
from ltxserve.storage.base import ArtifactStore
from ltxserve.storage.links import Links
from ltxserve.storage.local import ROUTE, LocalStore

NOW = 1_790_000_000.0


@dataclass
class Clock:
    """Seconds since the epoch, moved by hand."""

    now: float = NOW

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True)
class Answer:
    """What somebody with nothing but a link gets."""

    ok: bool
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class Bench(Protocol):
    """A store on the bench: the store, the passing of time, and its links from outside."""

    store: ArtifactStore

    def forward(self, seconds: float) -> None: ...

    def read(self, url: str, span: tuple[int, int] | None = None) -> Answer: ...


class LocalBench:
    """The folder store; its links are redeemed as the API's route does."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        self.links = Links(["a secret"], self.clock)
        self.store: ArtifactStore = LocalStore(folder, self.links, "https://files.example/")

    def forward(self, seconds: float) -> None:
        self.clock.now += seconds

    def read(self, url: str, span: tuple[int, int] | None = None) -> Answer:
        assert url.startswith(f"https://files.example{ROUTE}")
        try:
            grant = self.links.redeem(url.rpartition("/")[2])
            start, end = span or (0, None)
            body = b"".join(self.store.open(grant.key, start, end))
        except StorageError:
            return Answer(False)
        stored = self.store.stat(grant.key)
        assert stored is not None
        name = grant.file_name
        headers = {"content-type": grant.media_type or stored.media_type}
        headers |= {"content-disposition": f"attachment; filename={name}"} if name else {}
        return Answer(True, body, headers)


@contextmanager
def local_bench(folder: Path) -> Iterator[Bench]:
    yield LocalBench(folder / "files")
