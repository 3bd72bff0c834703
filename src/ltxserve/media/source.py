"""Where input media comes from: a path, a data URI or bytes; opens it safely.

Knows nothing of pixels or samples, and never fetches: a URL is refused here, so that the one safe
way, `media.fetch`, cannot be passed by.
"""

from __future__ import annotations

import base64
import binascii
import io
import re
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import av
from av.container import InputContainer

from ltxserve.errors import MediaError
from ltxserve.media.failures import reading, unreadable

Source = str | Path | bytes
"""A path, a data URI, or the encoded bytes themselves."""

_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]+):")
# FFmpeg also knows playlists, scripts and plain text as "formats"; some of them open further
# files or URLs. Only real media containers are let in.
_FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,gif,avi,mpegts,mpeg,flv,wav,mp3,flac,ogg,aac,aiff"


@dataclass(frozen=True)
class Located:
    """A source that exists: a `path` or the `data`, and a `name` fit for messages."""

    name: str
    path: Path | None = None
    data: bytes | None = None


def locate(source: Source) -> Located:
    """Find a source without decoding it.

    Raises MediaError: `media_not_found`, `media_fetch_failed` for URLs, `media_unsupported`
    for other schemes and things that are not files, `media_unreadable` for empty or broken data.
    """
    if isinstance(source, bytes):
        return _from_data(source, "the data")
    scheme = _SCHEME.match(source) if isinstance(source, str) else None
    if scheme is None or len(scheme[1]) == 1:  # one letter is a Windows drive
        return _from_path(Path(source))
    if scheme[1].lower() == "data":
        return _from_data_uri(str(source))
    if scheme[1].lower() in ("http", "https"):
        raise MediaError(
            "media_fetch_failed",
            "URLs are not fetched here, only local files and data URIs are read.",
            "Fetch it first with ltxserve.media.fetch, or give the URL in a request.",
        )
    if Path(source).is_file():  # a file may have a colon in its name
        return _from_path(Path(source))
    raise MediaError(
        "media_unsupported",
        f"Sources of the kind {scheme[1]}: cannot be read.",
        "Use a path, an http(s) URL or a data URI.",
    )


def picture_file(located: Located) -> Path | io.BytesIO:
    """What Pillow's open() takes."""
    return located.path if located.path is not None else io.BytesIO(located.data or b"")


@contextmanager
def open_container(located: Located) -> Iterator[InputContainer]:
    """Open a media container for reading; FFmpeg's errors inside the block are translated.

    Raises MediaError (`media_unreadable`) for what is not a media container.
    """
    file = io.BytesIO(located.data) if located.data is not None else f"file:{located.path}"
    options = {"format_whitelist": _FORMATS, "protocol_whitelist": "file"}
    with (
        reading(located.name),
        av.open(file, mode="r", container_options=options, metadata_errors="replace") as container,
    ):
        if not container.streams.video and not container.streams.audio:
            raise unreadable(located.name, "there is neither picture nor sound in it")
        yield container


def _from_path(path: Path) -> Located:
    try:
        path = path.expanduser().absolute()
        if path.is_file():
            if path.stat().st_size == 0:
                raise unreadable(path.name, "the file is empty")
            return Located(path.name, path=path)
        exists = path.exists()
    except (OSError, ValueError, RuntimeError) as error:  # too long, NUL inside, unknown ~user
        raise MediaError("media_not_found", "The source is no usable path.", "") from error
    if exists:
        raise MediaError(
            "media_unsupported", f"{path.name} is not a file.", "Give the path of a media file."
        )
    raise MediaError("media_not_found", f"{path} does not exist.", "Check the path.")


def _from_data_uri(uri: str) -> Located:
    head, comma, body = uri.partition(",")
    if not comma:
        raise unreadable("the data URI", "it has no comma, so no content")
    if not head.lower().endswith(";base64"):
        return _from_data(urllib.parse.unquote_to_bytes(body), "the data URI")
    text = "".join(urllib.parse.unquote(body).split())
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise unreadable("the data URI", "its content is not base64") from error
    return _from_data(data, "the data URI")


def _from_data(data: bytes, name: str) -> Located:
    if not data:
        raise unreadable(name, "it is empty")
    return Located(name, data=data)
