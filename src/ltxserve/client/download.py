"""Fetches a job's file: whole or not at all, taken up again where a connection broke, verified."""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import IO

from ltxserve.client.failures import from_answer, unreachable
from ltxserve.client.flows import TRIES, get
from ltxserve.client.steps import Flow, Lost, Open, Read, Request, Sleep
from ltxserve.client.views import File
from ltxserve.errors import LtxserveError, NotFound, ServiceUnavailable

OnBytes = Callable[[int, int], None]
"""Told how many bytes are here and how many there are in all."""
_PAUSE = 0.5
_SUFFIXES = {
    "video/mp4": ".mp4",
    "video/webm": ".webm",
    "image/gif": ".gif",
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "audio/wav": ".wav",
    "application/zip": ".zip",
}


def download(
    job_id: str, to: Path, variant: str = "video", on_bytes: OnBytes | None = None
) -> Flow[Path]:
    """Fetch a finished job's file to a path, or into a folder under the job's id.

    The file appears under its name when it is complete and its SHA-256 is right. Raises
    NotFound `file_not_found` for a file that the job did not make, the job's own error where it
    failed, and what the service answers.
    """
    job = (yield from get(job_id)).checked()
    if variant not in job.files:
        code = "file_not_found" if job.is_over else "not_ready"
        made = ", ".join(job.files) or "nothing yet"
        raise NotFound(code, f"The job has no file {variant}.", f"It has made: {made}.")
    file = job.files[variant]
    path = to / f"{job_id}{_SUFFIXES.get(file.media_type, '')}" if to.is_dir() else to
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        with part.open("wb") as out:
            yield from _fill(file, out, on_bytes)
            out.flush()
            os.fsync(out.fileno())
        _verify(file, part)
        os.replace(part, path)
    except OSError as error:
        raise LtxserveError(
            "media_write_failed",
            f"{path.name} could not be written: {error.strerror}.",
            "Check the folder and the room on its disk.",
        ) from error
    finally:
        part.unlink(missing_ok=True)
    return path


def _fill(file: File, out: IO[bytes], on_bytes: OnBytes | None) -> Flow[None]:
    failures = 0
    while True:
        before = out.tell()
        lost = yield from _more(file, out, on_bytes)
        if lost is None and out.tell() >= file.bytes:
            return
        failures = 0 if out.tell() > before else failures + 1
        if failures >= TRIES:
            raise unreachable("The file", lost or "it ends too early")
        yield Sleep(_PAUSE)


def _more(file: File, out: IO[bytes], on_bytes: OnBytes | None) -> Flow[str | None]:
    """What one connection gives; why it was lost, None at the end of the body."""
    have = out.tell()
    headers = {"Range": f"bytes={have}-"} if have else {}
    answer = yield Open(Request("GET", file.url, headers=headers))
    if isinstance(answer, Lost):
        return answer.why
    if answer.status >= 400:
        body = yield Read()
        raise from_answer(
            answer.status, answer.media_type, body if isinstance(body, bytes) else b""
        )
    if have and answer.status != 206:  # the service began anew
        out.seek(0)
        out.truncate()
    while True:
        piece = yield Read()
        if not isinstance(piece, bytes):
            return piece.why if isinstance(piece, Lost) else None
        out.write(piece)
        if on_bytes is not None:
            on_bytes(out.tell(), file.bytes)


def _verify(file: File, part: Path) -> None:
    digest = hashlib.sha256()
    with part.open("rb") as content:
        while block := content.read(1 << 20):
            digest.update(block)
    if part.stat().st_size != file.bytes or (file.sha256 and digest.hexdigest() != file.sha256):
        raise ServiceUnavailable(
            "service_answer_invalid",
            f"The file {file.name} arrived damaged.",
            "Try again; if it stays so, tell the operator.",
        )
