"""Sends stored files: whole or in part, with names, tags and types; knows no job."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from urllib.parse import quote

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from ltxserve.api.errors import respond
from ltxserve.api.ranges import Part, part_of
from ltxserve.errors import LtxserveError
from ltxserve.storage.base import ArtifactStore, Stored

SUFFIXES = {
    "video/mp4": ".mp4",
    "video/webm": ".webm",
    "image/gif": ".gif",
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/webp": ".webp",
    "audio/wav": ".wav",
    "audio/x-wav": ".wav",
    "application/zip": ".zip",
}
_SHOWN = ("image/", "video/", "audio/")


@dataclass(frozen=True)
class File:
    """A stored file as it is sent: its name, and whether it is to be saved rather than shown."""

    stored: Stored
    name: str
    download: bool = False
    media_type: str | None = None

    @property
    def type(self) -> str:
        """The media type it is sent as."""
        return self.media_type or self.stored.media_type


def send(request: Request, store: ArtifactStore, file: File) -> Response:
    """The answer to a GET or HEAD: 200, 206, 304 or 416.

    What cannot be opened is an error answer, not a broken body: the first piece is read before
    the status is sent.
    """
    tag = f'"{file.stored.sha256}"' if file.stored.sha256 else None
    headers = _headers(file, tag)
    if tag and _matches(request.headers.get("if-none-match"), tag):
        return Response(status_code=304, headers=headers)
    try:
        part = _part(request, file.stored, tag)
    except LtxserveError as error:
        refused = respond(error, request)
        refused.headers["Content-Range"] = f"bytes */{file.stored.bytes}"
        return refused
    length = part.length if part else file.stored.bytes
    headers["Content-Length"] = str(length)
    if part:
        headers["Content-Range"] = part.content_range
    status = 206 if part else 200
    if request.method == "HEAD" or length == 0:
        return Response(status_code=status, headers=headers, media_type=file.type)
    start, end = (part.start, part.end) if part else (0, None)
    pieces = _opened(store.open(file.stored.key, start, end))
    return StreamingResponse(
        pieces, status, headers, file.type, background=BackgroundTask(pieces.close)
    )


def suffix_of(media_type: str) -> str:
    """The file name suffix of a media type, "" if it is none of ours."""
    return SUFFIXES.get(media_type.partition(";")[0].strip().lower(), "")


def disposition(name: str, download: bool) -> str:
    """A Content-Disposition header; the name in both spellings, whatever it holds."""
    plain = "".join(
        c if c.isascii() and c.isprintable() and c not in '"\\;%' else "_" for c in name
    )
    kind = "attachment" if download else "inline"
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _headers(file: File, tag: str | None) -> dict[str, str]:
    shown = file.type.startswith(_SHOWN) and file.type != "image/svg+xml"
    headers = {
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, max-age=3600",
        "Content-Disposition": disposition(file.name, file.download or not shown),
        "Content-Security-Policy": "sandbox; default-src 'none'",
    }
    if tag:
        headers["ETag"] = tag
    return headers


def _part(request: Request, stored: Stored, tag: str | None) -> Part | None:
    condition = request.headers.get("if-range")
    if condition is not None and condition != tag:
        return None
    return part_of(request.headers.get("range"), stored.bytes)


def _matches(header: str | None, tag: str) -> bool:
    if header is None:
        return False
    names = [item.strip().removeprefix("W/") for item in header.split(",")]
    return "*" in names or tag in names


def _opened(pieces: Iterator[bytes]) -> Generator[bytes, None, None]:
    """The same pieces, with the first one already here. Raises what reading it raises."""
    first = next(pieces, b"")

    def rest() -> Generator[bytes, None, None]:
        yield first
        yield from pieces

    return rest()
