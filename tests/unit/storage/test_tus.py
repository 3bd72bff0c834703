"""Large files go up in chunks of 6 MiB and go on after every kind of break."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ltxserve.errors import StorageError
from ltxserve.storage.retry import Patience
from ltxserve.storage.supabase import SupabasePlace, SupabaseStore
from ltxserve.storage.tus import CHUNK
from tests.clocks import Clock
from tests.contracts.supabase import Supabase
from tests.loopback import Reply

QUICK = Patience(attempts=4, first=0.01, longest=0.02)
KEY = "job/video.mp4"
SIZE = 2 * CHUNK + 1000


@pytest.fixture
def server() -> Iterator[Supabase]:
    with Supabase("sb_secret_x", Clock()) as running:
        yield running


@pytest.fixture
def store(server: Supabase) -> Iterator[SupabaseStore]:
    made = SupabaseStore(SupabasePlace(server.url, server.key, "vids"), QUICK)
    yield made
    made.close()


@pytest.fixture(scope="module")
def content() -> bytes:
    return os.urandom(SIZE)


@pytest.fixture
def made(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "made.mp4"
    path.write_bytes(content)
    return path


def count(server: Supabase, method: str) -> int:
    return sum(1 for r in server.seen if r.method == method and "/resumable" in r.target)


def test_chunks(server: Supabase, store: SupabaseStore, made: Path, content: bytes):
    stored = store.put(KEY, made, "video/mp4")
    assert server.chunks == [CHUNK, CHUNK, 1000]
    assert server.things[f"vids/{KEY}"].body == content
    assert store.stat(KEY) == stored
    assert count(server, "HEAD") == 0


def test_small_files_go_at_once(server: Supabase, store: SupabaseStore, tmp_path: Path):
    path = tmp_path / "small"
    path.write_bytes(b"x" * CHUNK)
    store.put(KEY, path, "video/mp4")
    assert server.chunks == []


def test_the_size_of_whole_chunks(server: Supabase, store: SupabaseStore, tmp_path: Path):
    path = tmp_path / "even"
    path.write_bytes(b"x" * 2 * CHUNK)
    store.put(KEY, path, "video/mp4")
    assert server.chunks == [CHUNK, CHUNK]


def test_a_cut_connection(server: Supabase, store: SupabaseStore, made: Path, content: bytes):
    """The server kept 1 MB of the first chunk; it goes on from there, not from the start."""
    server.faults.cut_chunks = [1_000_000]
    store.put(KEY, made, "video/mp4")
    assert server.things[f"vids/{KEY}"].body == content
    assert (count(server, "POST"), count(server, "HEAD")) == (1, 1)
    assert sum(server.chunks) == SIZE + CHUNK - 1_000_000


def test_many_cuts_with_progress_in_between(
    server: Supabase, store: SupabaseStore, made: Path, content: bytes
):
    server.faults.cut_chunks = [1_500_000] * 8
    store.put(KEY, made, "video/mp4")
    assert server.things[f"vids/{KEY}"].body == content
    assert count(server, "HEAD") == 8


def test_no_progress_is_given_up(server: Supabase, store: SupabaseStore, made: Path):
    server.faults.cut_chunks = [0] * 99
    with pytest.raises(StorageError) as caught:
        store.put(KEY, made, "video/mp4")
    assert caught.value.code == "storage_unavailable"
    assert len(server.chunks) == QUICK.attempts
    assert f"vids/{KEY}" not in server.things


def test_an_upload_that_the_server_forgot(
    server: Supabase, store: SupabaseStore, made: Path, content: bytes
):
    server.faults.forget_uploads = 1
    store.put(KEY, made, "video/mp4")
    assert server.things[f"vids/{KEY}"].body == content
    assert count(server, "POST") == 2


@pytest.mark.parametrize(
    "reply", [Reply(409, b"Upload-Offset conflict\n"), Reply(423), Reply(503), Reply(drop=True)]
)
def test_stumbles(server: Supabase, store: SupabaseStore, made: Path, content: bytes, reply: Reply):
    server.faults.replies = [reply] * 2
    store.put(KEY, made, "video/mp4")
    assert server.things[f"vids/{KEY}"].body == content


def test_too_large_for_the_bucket(server: Supabase, store: SupabaseStore, tmp_path: Path):
    path = tmp_path / "big"
    with path.open("wb") as file:
        file.truncate(60_000_001)
    with pytest.raises(StorageError) as caught:
        store.put(KEY, path, "video/mp4")
    assert caught.value.code == "storage_refused"
    assert "Maximum size exceeded" in str(caught.value)
    assert server.chunks == []


def test_an_upload_takes_the_place_of_an_earlier_file(store: SupabaseStore, made: Path):
    first = store.put(KEY, made, "video/mp4")
    assert store.put(KEY, made, "video/mp4") == first


def test_an_upload_without_a_place_is_begun_anew(
    server: Supabase, store: SupabaseStore, made: Path, content: bytes
):
    server.faults.replies = [Reply(201)]
    store.put(KEY, made, "video/mp4")
    assert server.things[f"vids/{KEY}"].body == content
    server.faults.replies = [Reply(201)] * 99
    with pytest.raises(StorageError) as caught:
        store.put(KEY, made, "video/mp4")
    assert caught.value.code == "storage_unavailable"
