"""Trying again is bounded, and what does not read back is not stored."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ltxserve.errors import StorageError
from ltxserve.storage.base import Stored, described, span
from ltxserve.storage.retry import Patience, confirm, retrying


class Pauses:
    """Remembers pauses instead of making them."""

    def __init__(self) -> None:
        self.made: list[float] = []

    def __call__(self, seconds: float) -> None:
        self.made.append(seconds)


class Failing:
    """Fails so many times, then answers."""

    def __init__(self, times: int, code: str = "storage_unavailable") -> None:
        self.left = times
        self.code = code
        self.calls = 0

    def __call__(self) -> str:
        self.calls += 1
        if self.left:
            self.left -= 1
            raise StorageError(self.code, "down")
        return "done"


class Slow:
    """A store whose files take some looks to appear, whole or not."""

    def __init__(self, content: bytes, appears_after: int, shown: bytes | None = None) -> None:
        self.content = content if shown is None else shown
        self.left = appears_after
        self.looks = 0

    def stat(self, key: str) -> Stored | None:
        self.looks += 1
        self.left -= 1
        return None if self.left >= 0 else Stored(key, len(self.content), "video/mp4", None)

    def open(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        first, stop = span(Stored(key, len(self.content), "video/mp4", None), start, end)
        return iter([self.content[first:stop]])

    def put(self, key: str, path: Path, media_type: str) -> Stored:
        raise NotImplementedError

    def delete(self, key: str) -> None:
        raise NotImplementedError

    def url(self, key: str, expires_in: int, file_name=None, media_type=None) -> str:  # type: ignore[no-untyped-def]
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError


def test_goes_on_until_it_works():
    pauses, action = Pauses(), Failing(3)
    assert retrying(action, Patience(5, 1.0, 3.0, pauses)) == "done"
    assert action.calls == 4
    for pause, whole in zip(pauses.made, (1.0, 2.0, 3.0), strict=True):
        assert whole / 2 <= pause <= whole


def test_is_bounded():
    pauses, action = Pauses(), Failing(99)
    with pytest.raises(StorageError):
        retrying(action, Patience(5, sleep=pauses))
    assert (action.calls, len(pauses.made)) == (5, 4)


@pytest.mark.parametrize("code", ["storage_refused", "file_not_found", "storage_full"])
def test_what_will_not_change_is_not_tried_again(code: str):
    action = Failing(1, code)
    with pytest.raises(StorageError):
        retrying(action, Patience(sleep=Pauses()))
    assert action.calls == 1


@pytest.mark.parametrize("content", [b"", b"short", b"long" * 5000])
def test_confirmed_once_it_reads_back(tmp_path: Path, content: bytes):
    path = tmp_path / "a"
    path.write_bytes(content)
    stored, store = described("k", path, "video/mp4"), Slow(content, 2)
    assert confirm(store, stored, path, Patience(sleep=Pauses())) == stored
    assert store.looks == 3


@pytest.mark.parametrize("shown", [b"", b"lon", b"lonG", b"long and more"])
def test_not_confirmed_when_something_else_reads_back(tmp_path: Path, shown: bytes):
    path = tmp_path / "a"
    path.write_bytes(b"long")
    stored, store = described("k", path, "video/mp4"), Slow(b"long", 0, shown)
    with pytest.raises(StorageError) as caught:
        confirm(store, stored, path, Patience(attempts=3, sleep=Pauses()))
    assert caught.value.code == "storage_unavailable"
    assert store.looks == 3
