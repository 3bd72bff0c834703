"""Files in a Supabase bucket, over its HTTP protocol; knows no account of callers.

Supabase answers most failures with status 400; what happened is `code` in the body.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from ltxserve.errors import StorageError
from ltxserve.storage.base import CHUNK, Stored, check_expiry, check_key, described, missing, span
from ltxserve.storage.names import check_file_name
from ltxserve.storage.retry import PATIENT, Patience, confirm, retrying
from ltxserve.storage.tus import CHUNK as RESUMABLE_ABOVE
from ltxserve.storage.tus import ResumableUpload

_TIMES = httpx.Timeout(60.0, connect=5.0)
_CACHE = "3600"
_HINT = (
    "Check SUPABASE_URL, SUPABASE_SERVICE_ROLE_KEY and SUPABASE_BUCKET, and the bucket's limits."
)


@dataclass(frozen=True)
class SupabasePlace:
    """A bucket and how it is reached.

    url: of the project; a slash at its end is no harm. public: the bucket is public, so that
    links are plain and never end.
    """

    url: str
    service_role_key: str = field(repr=False)
    bucket: str
    prefix: str = ""
    public: bool = False


class SupabaseStore:
    """A bucket as a store; every file carries its SHA-256 as metadata.

    Small files go up in one request, others in resumable chunks.
    """

    def __init__(self, place: SupabasePlace, patience: Patience = PATIENT) -> None:
        self._place = place
        self._prefix = f"{place.prefix.strip('/')}/" if place.prefix.strip("/") else ""
        self._patience = patience
        self._base = f"{place.url.rstrip('/')}/storage/v1"
        self._client = httpx.Client(
            base_url=self._base, headers=_credentials(place.service_role_key), timeout=_TIMES
        )

    @property
    def bucket(self) -> str:
        """The bucket's name, for results that report it."""
        return self._place.bucket

    def path_of(self, key: str) -> str:
        """Where a file lies in the bucket: the prefix and its key."""
        return self._prefix + check_key(key)

    def public_url(self, key: str) -> str | None:
        """The link that needs no signature; None unless the bucket is public."""
        if not self._place.public:
            return None
        return f"{self._base}/object/public/{self.bucket}/{self.path_of(key)}"

    def put(self, key: str, path: Path, media_type: str) -> Stored:
        name = self.path_of(key)
        stored = described(key, path, media_type)
        if stored.bytes > RESUMABLE_ABOVE:
            said = {
                "bucketName": self.bucket,
                "objectName": name,
                "contentType": media_type,
                "cacheControl": _CACHE,
                "metadata": json.dumps({"sha256": stored.sha256}),
            }
            ResumableUpload(self._client, self._patience).send(path, said)
        else:
            self._upload(stored, name, path.read_bytes())
        return confirm(self, stored, path, self._patience)

    def open(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        stored = self.stat(key)
        if stored is None:
            raise missing(key)
        first, stop = span(stored, start, end)
        return iter(()) if first == stop else self._pieces(key, first, stop)

    def stat(self, key: str) -> Stored | None:
        try:
            said = self._ask("GET", f"/object/info/{self.bucket}/{self.path_of(key)}", key=key)
        except StorageError as error:
            if error.code == "file_not_found":
                return None
            raise
        size = int(_word(said, "size"))
        media_type = said.get("content_type") or "application/octet-stream"
        return Stored(key, size, media_type, (said.get("metadata") or {}).get("sha256"))

    def delete(self, key: str) -> None:
        body = {"prefixes": [self.path_of(key)]}
        self._ask("DELETE", f"/object/{self.bucket}", key=key, body=body)

    def url(
        self,
        key: str,
        expires_in: int,
        file_name: str | None = None,
        media_type: str | None = None,
    ) -> str:
        seconds = check_expiry(expires_in)
        download = f"download={quote(check_file_name(file_name), safe='')}" if file_name else ""
        public = self.public_url(key)
        if public is not None:
            return f"{public}?{download}" if download else public
        where = f"/object/sign/{self.bucket}/{self.path_of(key)}"
        signed = _word(self._ask("POST", where, key=key, body={"expiresIn": seconds}), "signedURL")
        return f"{self._base}{signed}&{download}" if download else f"{self._base}{signed}"

    def close(self) -> None:
        self._client.close()

    def _upload(self, stored: Stored, name: str, content: bytes) -> None:
        metadata = json.dumps({"sha256": stored.sha256}).encode()
        headers = {
            "Content-Type": stored.media_type,
            "Cache-Control": f"max-age={_CACHE}",
            "x-upsert": "true",
            "x-metadata": base64.b64encode(metadata).decode(),
        }

        def upload() -> None:
            with _translated():
                where = f"/object/{self.bucket}/{name}"
                _judged(self._client.post(where, content=content, headers=headers), stored.key)

        retrying(upload, self._patience)

    def _ask(
        self, method: str, where: str, *, key: str, body: Mapping[str, Any] | None = None
    ) -> Any:
        def ask() -> Any:
            with _translated():
                return _read(_judged(self._client.request(method, where, json=body), key))

        return retrying(ask, self._patience)

    def _pieces(self, key: str, first: int, stop: int) -> Iterator[bytes]:
        where = f"/object/authenticated/{self.bucket}/{self.path_of(key)}"
        headers = {"Range": f"bytes={first}-{stop - 1}", "Accept-Encoding": "identity"}
        with _translated(), self._client.stream("GET", where, headers=headers) as answer:
            if answer.status_code not in (200, 206):
                answer.read()
                _judged(answer, key)
            yield from answer.iter_raw(CHUNK)


def _credentials(key: str) -> dict[str, str]:
    """New keys (sb_...) are no JWTs and must not stand in Authorization; old ones must."""
    if key.startswith("sb_"):
        return {"apikey": key}
    return {"apikey": key, "Authorization": f"Bearer {key}"}


def _judged(answer: httpx.Response, key: str) -> httpx.Response:
    """The answer, if it is a success. Raises StorageError by `code`, which tells more than 400."""
    if answer.is_success:
        return answer
    try:
        said = answer.json()
    except ValueError:
        said = {}
    said = said if isinstance(said, dict) else {}
    code = str(said.get("code") or "")
    status = str(said.get("statusCode") or answer.status_code)
    if code == "NoSuchKey" or said.get("error") == "not_found":
        raise missing(key)
    if status.startswith("5") or status in ("408", "423", "429") or answer.status_code >= 500:
        raise _unavailable(f"Supabase answered {status} {code}".strip())
    message = str(said.get("message") or answer.reason_phrase)[:200]
    raise StorageError("storage_refused", f"Supabase refused: {message} ({code or status}).", _HINT)


def _read(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError as error:
        raise _no_project() from error


def _word(said: Any, name: str) -> Any:
    """A word of an answer that Supabase never leaves out."""
    if not isinstance(said, dict) or said.get(name) is None:
        raise _no_project()
    return said[name]


def _no_project() -> StorageError:
    return StorageError(
        "storage_refused", "What answers at SUPABASE_URL does not speak as Supabase does.", _HINT
    )


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except httpx.TransportError as error:
        raise _unavailable(f"Supabase does not answer ({type(error).__name__})") from error


def _unavailable(message: str) -> StorageError:
    return StorageError("storage_unavailable", f"{message}.", "Try again later.")
