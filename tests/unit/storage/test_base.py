"""Keys, spans and sums that all stores share."""

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ltxserve.errors import StorageError
from ltxserve.storage.base import (
    MAX_EXPIRY,
    Stored,
    check_expiry,
    check_key,
    described,
    missing,
    span,
)

STORED = Stored("a/b.mp4", 10, "video/mp4", None)


@pytest.mark.parametrize("key", ["a", "a/b.mp4", "2026-01-13/JOB_1/v.1.mp4", "_x/0"])
def test_usable_keys(key: str):
    assert check_key(key) == key


@given(st.text(max_size=40))
def test_no_key_leaves_its_folder(key: str):
    try:
        check_key(key)
    except StorageError:
        return
    assert Path("/root", key).resolve() == Path("/root", key)
    assert not key.startswith("/")
    assert key.isascii()


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [(0, None, (0, 10)), (3, 5, (3, 5)), (3, 99, (3, 10)), (10, None, (10, 10))],
)
def test_span(start: int, end: int | None, expected: tuple[int, int]):
    assert span(STORED, start, end) == expected


@pytest.mark.parametrize(("start", "end"), [(-1, None), (11, None), (4, 3)])
def test_no_such_span(start: int, end: int | None):
    with pytest.raises(StorageError) as caught:
        span(STORED, start, end)
    assert caught.value.code == "range_invalid"


def test_expiry():
    assert check_expiry(MAX_EXPIRY) == MAX_EXPIRY
    with pytest.raises(ValueError, match="seconds"):
        check_expiry(MAX_EXPIRY + 1)


def test_described(tmp_path: Path):
    path = tmp_path / "a"
    path.write_bytes(b"content")
    sha256 = hashlib.sha256(b"content").hexdigest()
    assert described("k", path, "video/mp4") == Stored("k", 7, "video/mp4", sha256)


def test_missing():
    assert missing("a/b").code == "file_not_found"
