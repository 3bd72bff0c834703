"""The stores of the contract suite, each with a clock and a way to read its links as a browser."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from ltxserve.errors import StorageError
from ltxserve.storage.base import ArtifactStore
from ltxserve.storage.links import Links
from ltxserve.storage.local import ROUTE, LocalStore
from ltxserve.storage.retry import Patience
from ltxserve.storage.s3 import S3Place, S3Store
from ltxserve.storage.supabase import SupabasePlace, SupabaseStore
from tests.clocks import Shifted
from tests.contracts.supabase import Supabase
from tests.ports import free_ports

QUICK = Patience(attempts=4, first=0.01, longest=0.02)


@dataclass(frozen=True)
class Answer:
    """What somebody with nothing but a link gets."""

    ok: bool
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Bench:
    """A store on the bench, and the clock that its links are signed by."""

    store: ArtifactStore
    clock: Shifted

    def old_link(self, key: str, expires_in: int, age: float) -> str:
        """A link as it was given out `age` seconds ago."""
        self.clock.shift = -age
        try:
            return self.store.url(key, expires_in)
        finally:
            self.clock.shift = 0.0

    def read(self, url: str, span: tuple[int, int] | None = None) -> Answer:
        """What a browser gets."""
        headers = {"Range": f"bytes={span[0]}-{span[1] - 1}"} if span else {}
        answer = httpx.get(url, headers=headers)
        expected = 206 if span else 200
        return Answer(answer.status_code == expected, answer.content, dict(answer.headers))


class LocalBench(Bench):
    """The folder store; its links are redeemed as the API's route does."""

    def __init__(self, folder: Path) -> None:
        clock = Shifted()
        self.links = Links(["a secret"], clock)
        super().__init__(LocalStore(folder, self.links, "https://files.example/"), clock)

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


@contextmanager
def s3_bench(folder: Path) -> Iterator[Bench]:
    if not weed().is_file():
        pytest.skip("no S3 server here: pip install 'ltxserve[external]' brings SeaweedFS")
    clock = Shifted()
    with seaweed(folder) as endpoint:
        place = S3Place(
            "clips", "some/prefix", endpoint, "us-east-1", "k", "s",
            # Links lead to another name of the same server, as behind a proxy.
            public_endpoint=endpoint.replace("127.0.0.1", "localhost"),
        )  # fmt: skip
        yield Bench(S3Store(place, QUICK, clock), clock)


@contextmanager
def supabase_bench(folder: Path) -> Iterator[Bench]:
    clock = Shifted()
    with Supabase("sb_secret_x", clock) as server:
        place = SupabasePlace(f"{server.url}/", "sb_secret_x", "vids", "ltx2")
        yield Bench(SupabaseStore(place, QUICK), clock)


def weed() -> Path:
    """The server's program, which the package puts beside the interpreter."""
    return Path(sys.executable).parent / "weed"


@contextmanager
def seaweed(folder: Path) -> Iterator[str]:
    """A real S3 server on loopback, as long as the block lasts; gives its endpoint."""
    config = folder / "s3.json"
    keys = {"credentials": [{"accessKey": "k", "secretKey": "s"}], "name": "admin"}
    rights = {"actions": ["Admin", "Read", "List", "Tagging", "Write"]}
    config.write_text(json.dumps({"identities": [keys | rights]}))
    master, volume, filer, s3 = free_ports(4, beside=10_000)
    words = (
        f"server -dir={folder} -ip=127.0.0.1 -ip.bind=127.0.0.1 -volume.max=10 -filer -s3 "
        f"-s3.config={config} -s3.autoCreateBucket -master.port={master} -volume.port={volume} "
        f"-filer.port={filer} -s3.port={s3}"
    )
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen([weed(), *words.split()], stdout=log, stderr=log, cwd=folder)
    try:
        endpoint = f"http://127.0.0.1:{s3}"
        wait_until_it_stores(endpoint, server)
        yield endpoint
    finally:
        server.kill()
        server.wait()


def wait_until_it_stores(endpoint: str, server: subprocess.Popen[bytes]) -> None:
    """Ready means: a file was put and read, not: a port is open."""
    place = S3Place("ready", "", endpoint, "us-east-1", "k", "s")
    store = S3Store(place, Patience(attempts=200, first=0.1, longest=0.1))
    store.put("ready", Path(__file__), "text/plain")
    assert server.poll() is None, "the S3 server ended"
