"""The one place where PyAV and operating system errors become MediaError."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

import av
import av.error
from av.codec.codec import UnknownCodecError

from ltxserve.errors import MediaError


@contextmanager
def writing(name: str) -> Iterator[None]:
    """Translate failures to encode or store `name` into MediaError (`media_write_failed`)."""
    try:
        yield
    except UnknownCodecError as error:
        raise MediaError(
            "encoder_missing",
            f"{name} cannot be written: this PyAV build has no encoder {error}.",
            "Install PyAV from its PyPI wheel (pip install av), or choose another format.",
        ) from error
    except (av.error.FFmpegError, OSError) as error:
        full = getattr(error, "errno", None) == errno.ENOSPC
        hint = (
            "Free some disk space."
            if full
            else "Check that the folder can be written to and that size and frame rate are usual."
        )
        raise MediaError(
            "media_write_failed", f"{name} could not be written: {reason(error)}.", hint
        ) from error


@contextmanager
def reading(name: str) -> Iterator[None]:
    """Translate failures to decode `name` into MediaError (`media_unreadable`)."""
    try:
        yield
    except (av.error.FFmpegError, OSError) as error:
        raise unreadable(name, reason(error)) from error


def unreadable(name: str, why: str) -> MediaError:
    """A MediaError for a source that is damaged or is no media at all."""
    return MediaError(
        "media_unreadable",
        f"{name} cannot be decoded: {why}.",
        "Check that the file is complete and really is what its name says.",
    )


def reason(error: BaseException) -> str:
    """The short cause in an error, without paths and FFmpeg's log tail."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(text).split("\n")[0].rstrip(".")
