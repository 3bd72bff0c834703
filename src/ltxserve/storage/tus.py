"""Resumable upload of one file (TUS 1.0.0) as Supabase speaks it; knows no bucket rules."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import IO

import httpx

from ltxserve.errors import StorageError
from ltxserve.storage.retry import Patience

CHUNK = 6 * 2**20
"""Bytes per request; Supabase takes exactly this size, but for the last."""
ROUTE = "/upload/resumable"
_TUS = {"Tus-Resumable": "1.0.0"}


class Lost(Exception):  # noqa: N818 - says what happened
    """The server does not know the upload any more; it has to begin anew."""


class ResumableUpload:
    """Sends a file in chunks and goes on from what the server has after a break.

    client: with base URL and credentials. Raises StorageError `storage_unavailable` after
    `patience` failures in a row without a byte in between, `storage_refused`.
    """

    def __init__(self, client: httpx.Client, patience: Patience) -> None:
        self._client = client
        self._patience = patience
        self._failures = 0

    def send(self, path: Path, metadata: Mapping[str, str]) -> None:
        """Upload a file; metadata: bucketName, objectName, contentType ..., as plain text."""
        size = path.stat().st_size
        with path.open("rb") as file:
            while True:
                try:
                    place = self._create(size, metadata)
                    self._send_all(place, file, size)
                    return
                except Lost as error:
                    self._failed(error)

    def _create(self, size: int, metadata: Mapping[str, str]) -> str:
        said = ",".join(f"{name} {_encoded(text)}" for name, text in metadata.items())
        headers = {
            **_TUS,
            "Upload-Length": str(size),
            "Upload-Metadata": said,
            "x-upsert": "true",
        }
        while True:
            try:
                answer = self._client.post(ROUTE, headers=headers)
            except httpx.TransportError as error:
                self._failed(error)
                continue
            if answer.status_code == 201:
                # Absolute, and https even behind a plain proxy: only the last part is used.
                place = answer.headers.get("location", "").rpartition("/")[2]
                if not place:
                    raise Lost("the server does not say where the upload is")
                return f"{ROUTE}/{place}"
            self._judge(answer)

    def _send_all(self, place: str, file: IO[bytes], size: int) -> None:
        offset = 0
        while offset < size:
            file.seek(offset)
            piece = file.read(min(CHUNK, size - offset))
            headers = {
                **_TUS,
                "Upload-Offset": str(offset),
                "Content-Type": "application/offset+octet-stream",
            }
            try:
                answer = self._client.patch(place, content=piece, headers=headers)
                if answer.status_code == 204:
                    offset = self._offset(answer, offset, size)
                    continue
                self._judge(answer)
            except httpx.TransportError as error:
                self._failed(error)
            offset = self._ask(place, offset, size)

    def _ask(self, place: str, known: int, size: int) -> int:
        """How far the server has got."""
        while True:
            try:
                answer = self._client.head(place, headers=_TUS)
                if answer.status_code == 200:
                    return self._offset(answer, known, size)
                self._judge(answer)
            except httpx.TransportError as error:
                self._failed(error)

    def _offset(self, answer: httpx.Response, known: int, size: int) -> int:
        said = answer.headers.get("upload-offset", "")
        if not said.isdigit() or int(said) > size:
            raise Lost("the server's offset makes no sense")
        if int(said) > known:
            self._failures = 0
        return int(said)

    def _judge(self, answer: httpx.Response) -> None:
        """Return to try again, or raise. Resumable answers have true statuses and bare text."""
        status = answer.status_code
        if status in (404, 410):
            raise Lost("the server forgot the upload")
        if status in (408, 409, 423, 429) or status >= 500:
            self._failed(None)
            return
        raise StorageError(
            "storage_refused",
            f"Supabase refused the upload ({status}): {answer.text.strip()[:200]}",
            "Check the bucket's limits on size and type, and the key.",
        )

    def _failed(self, error: Exception | None) -> None:
        self._failures += 1
        if self._failures >= self._patience.attempts:
            raise StorageError(
                "storage_unavailable",
                "Supabase does not take the upload.",
                "Try again later.",
            ) from error
        self._patience.pause(self._failures)


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
