"""Foreign errors become MediaError with the right code; our own pass."""

import errno

import pytest
from av.codec.codec import Codec
from av.error import InvalidDataError

from ltxserve.errors import Cancelled, MediaError
from ltxserve.media.failures import reading, reason, unreadable, writing


def test_writing_translates() -> None:
    with pytest.raises(MediaError) as caught, writing("a.mp4"):
        raise OSError(errno.EACCES, "Permission denied", "/secret/place/a.mp4")
    assert caught.value.code == "media_write_failed"
    assert "a.mp4" in caught.value.message
    assert "/secret" not in str(caught.value)


def test_full_disk_says_so() -> None:
    with pytest.raises(MediaError) as caught, writing("a.mp4"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert "disk space" in caught.value.hint


def test_missing_encoder() -> None:
    with pytest.raises(MediaError) as caught, writing("a.mp4"):
        Codec("no_such_codec", "w")
    assert caught.value.code == "encoder_missing"


def test_reading_translates() -> None:
    with pytest.raises(MediaError) as caught, reading("a.mp4"):
        raise InvalidDataError(1, "Invalid data")
    assert caught.value.code == "media_unreadable"


def test_own_errors_pass() -> None:
    with pytest.raises(Cancelled), writing("a.mp4"), reading("a.mp4"):
        raise Cancelled


def test_texts() -> None:
    assert unreadable("a.mp4", "it is cut off").message == "a.mp4 cannot be decoded: it is cut off."
    assert reason(OSError(errno.EIO, "Input/output error")) == "Input/output error"
    assert reason(ValueError("first line.\nsecond")) == "first line"
