"""Supabase's peculiarities: keys, prefixes, failures that all look like 400, public buckets."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from ltxserve.errors import StorageError
from ltxserve.storage.base import Stored
from ltxserve.storage.names import dated_key
from ltxserve.storage.retry import Patience
from ltxserve.storage.supabase import SupabasePlace, SupabaseStore
from tests.clocks import Clock
from tests.contracts.supabase import Supabase, refusal
from tests.loopback import Reply

QUICK = Patience(attempts=4, first=0.01, longest=0.02)
NEW_KEY = "sb_secret_x"
OLD_KEY = "eyJhbGciOiJIUzI1NiJ9.e30.x"
KEY = "2026-01-13/job_abc/video.mp4"


@contextlib.contextmanager
def project(
    server: Supabase, bucket: str = "vids", prefix: str = "ltx2", key: str = "", slash: str = "/"
) -> Iterator[SupabaseStore]:
    place = SupabasePlace(
        server.url + slash, key or server.key, bucket, prefix, public=bucket == "pub"
    )
    store = SupabaseStore(place, QUICK)
    try:
        yield store
    finally:
        store.close()


@pytest.fixture
def server() -> Iterator[Supabase]:
    with Supabase(NEW_KEY, Clock()) as running:
        yield running


@pytest.fixture
def made(tmp_path: Path) -> Path:
    path = tmp_path / "made.mp4"
    path.write_bytes(b"0123456789")
    return path


@pytest.mark.parametrize("key", [NEW_KEY, OLD_KEY])
@pytest.mark.parametrize("slash", ["", "/", "//"])
def test_keys_of_both_kinds_and_any_slash(made: Path, key: str, slash: str):
    with Supabase(key, Clock()) as server, project(server, slash=slash) as store:
        assert store.put(KEY, made, "video/mp4").bytes == 10
        authorizations = {request.headers.get("authorization") for request in server.seen}
    assert authorizations == {None if key == NEW_KEY else f"Bearer {key}"}


def test_the_path_that_workers_report(server: Supabase, made: Path):
    with project(server) as store:
        key = dated_key("2026-01-13", "job_abc", "video.mp4")
        store.put(key, made, "video/mp4")
        assert list(server.things) == ["vids/ltx2/2026-01-13/job_abc/video.mp4"]
        assert (store.bucket, store.path_of(key)) == ("vids", f"ltx2/{key}")
        assert store.public_url(key) is None
        assert "/storage/v1/object/sign/vids/ltx2/2026-01-13/" in store.url(key, 86400)


@pytest.mark.parametrize("prefix", ["", "/", "/ltx2/", "a/b"])
def test_prefixes(server: Supabase, made: Path, prefix: str):
    with project(server, prefix=prefix) as store:
        store.put("a.mp4", made, "video/mp4")
    assert list(server.things) == ["/".join(["vids", *prefix.strip("/").split("/"), "a.mp4"])
                                   .replace("//", "/")]  # fmt: skip


def test_public_buckets_need_no_signature(server: Supabase, made: Path):
    with project(server, "pub") as store:
        store.put(KEY, made, "video/mp4")
        expected = f"{server.url}/storage/v1/object/public/pub/ltx2/{KEY}"
        assert store.public_url(KEY) == store.url(KEY, 60) == expected
        assert store.url(KEY, 60, "a b.mp4") == f"{expected}?download=a%20b.mp4"
        assert all("/object/sign/" not in request.target for request in server.seen)


def test_no_link_to_what_is_not_there(server: Supabase):
    with project(server) as store, pytest.raises(StorageError) as caught:
        store.url(KEY, 60)
    assert caught.value.code == "file_not_found"


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"bucket": "none"}, "NoSuchBucket"),
        ({"key": "sb_secret_wrong"}, "AccessDenied"),
        ({"key": OLD_KEY}, "AccessDenied"),
    ],
)
def test_refusals(server: Supabase, made: Path, fields: dict[str, str], says: str):
    with project(server, **fields) as store, pytest.raises(StorageError) as caught:
        store.put(KEY, made, "video/mp4")
    assert caught.value.code == "storage_refused"
    assert says in str(caught.value)
    assert "sb_secret" not in str(caught.value)
    assert len(server.seen) == 1


def test_a_type_that_the_bucket_refuses(server: Supabase, made: Path):
    with project(server) as store, pytest.raises(StorageError) as caught:
        store.put(KEY, made, "application/x-msdownload")
    assert caught.value.code == "storage_refused"


@pytest.mark.parametrize("answer", [b"<html>hello", b"[]", b"{}", b"null", b'{"size": null}'])
def test_what_is_no_supabase_is_named(server: Supabase, made: Path, answer: bytes):
    server.faults.replies = [Reply(200, answer)] * 9
    with project(server) as store:
        for act in (
            lambda: store.put(KEY, made, "video/mp4"),
            lambda: store.url(KEY, 60),
            lambda: store.stat(KEY),
        ):
            with pytest.raises(StorageError) as caught:
                act()
            assert caught.value.code == "storage_refused"
            assert "SUPABASE_URL" in caught.value.hint


STUMBLES = {
    "gateway": Reply(502, b"<html>"),
    "inside 400": refusal(500, "Internal", "database", "DatabaseError"),
    "slow down": refusal(429, "Too many", "slow down", "SlowDown"),
    "no answer": Reply(drop=True),
}


@pytest.mark.parametrize("stumble", STUMBLES)
def test_stumbles_are_forgiven(server: Supabase, made: Path, stumble: str):
    server.faults.replies = [STUMBLES[stumble]] * (QUICK.attempts - 1)
    with project(server) as store:
        stored = store.put(KEY, made, "video/mp4")
        server.faults.replies = [STUMBLES[stumble]]
        assert store.stat(KEY) == stored
        server.faults.replies = [STUMBLES[stumble]]
        store.delete(KEY)
        assert store.stat(KEY) is None


@pytest.mark.parametrize("stumble", STUMBLES)
def test_but_not_for_ever(server: Supabase, made: Path, stumble: str):
    server.faults.replies = [STUMBLES[stumble]] * 99
    with project(server) as store, pytest.raises(StorageError) as caught:
        store.put(KEY, made, "video/mp4")
    assert caught.value.code == "storage_unavailable"
    assert len(server.seen) == QUICK.attempts


def test_nobody_there(made: Path):
    with Supabase(NEW_KEY, Clock()) as server:
        pass
    with project(server) as store, pytest.raises(StorageError) as caught:
        store.stat(KEY)
    assert caught.value.code == "storage_unavailable"


def test_a_file_of_somebody_else(server: Supabase, made: Path):
    with project(server) as store:
        store.put(KEY, made, "video/mp4")
        server.things[f"vids/ltx2/{KEY}"].metadata = {}
        assert store.stat(KEY) == Stored(KEY, 10, "video/mp4", None)


def test_the_key_is_not_shown():
    assert "hush" not in repr(SupabasePlace("https://p.example", "hush", "b"))
