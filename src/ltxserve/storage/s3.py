"""Files in a bucket of any S3-compatible server, through obstore; knows no account of callers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import obstore
from obstore.exceptions import BaseError, NotFoundError, PermissionDeniedError, UnauthenticatedError
from obstore.store import S3Store as Bucket

from ltxserve.errors import StorageError
from ltxserve.storage.base import (
    Stored,
    check_expiry,
    check_key,
    described,
    missing,
    span,
)
from ltxserve.storage.names import attachment
from ltxserve.storage.retry import PATIENT, Patience, confirm, retrying
from ltxserve.storage.sigv4 import Signer

_PART = 8 * 2**20
_SUM = "sha256"
_TYPE = "Content-Type"


@dataclass(frozen=True)
class S3Place:
    """A bucket and how it is reached.

    endpoint: "" for AWS itself, else http(s)://HOST[:PORT] of a compatible server (path style).
    access_key_id: "" leaves the credentials to the machine (environment, instance role); links
    then cannot name a download, and lead to `endpoint`.
    public_endpoint: what links lead to where callers reach the server by another name; "" = by
    the same one.
    """

    bucket: str
    prefix: str = ""
    endpoint: str = ""
    region: str = ""
    access_key_id: str = ""
    secret_access_key: str = field(default="", repr=False)
    session_token: str = field(default="", repr=False)
    public_endpoint: str = ""


class S3Store:
    """A bucket as a store; every file carries its SHA-256 as metadata."""

    def __init__(
        self,
        place: S3Place,
        patience: Patience = PATIENT,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._place = place
        self._prefix = f"{place.prefix.strip('/')}/" if place.prefix.strip("/") else ""
        self._patience = patience
        self._clock = clock
        self._bucket = _bucket(place, patience)

    def put(self, key: str, path: Path, media_type: str) -> Stored:
        name = self._name(key)
        stored = described(key, path, media_type)
        attributes = {_TYPE: media_type, _SUM: stored.sha256 or ""}

        def upload() -> None:
            with _translated(key):
                obstore.put(
                    self._bucket, name, path, attributes=attributes, chunk_size=_PART,
                    max_concurrency=4,
                )  # fmt: skip

        retrying(upload, self._patience)
        return confirm(self, stored, path, self._patience)

    def open(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        stored = self.stat(key)
        if stored is None:
            raise missing(key)
        first, stop = span(stored, start, end)
        if first == stop:
            return iter(())
        with _translated(key):
            found = obstore.get(self._bucket, self._name(key), options={"range": (first, stop)})
        return _pieces(key, found)

    def stat(self, key: str) -> Stored | None:
        name = self._name(key)
        try:
            with _translated(key):
                found = obstore.get(self._bucket, name, options={"head": True})
                size, said = found.meta["size"], found.attributes
        except StorageError as error:
            if error.code == "file_not_found":
                return None
            raise
        return Stored(
            key, size, said.get(_TYPE, "application/octet-stream"), said.get(_SUM) or None
        )

    def delete(self, key: str) -> None:
        try:
            with _translated(key):
                obstore.delete(self._bucket, self._name(key))
        except StorageError as error:
            if error.code != "file_not_found":
                raise

    def url(
        self,
        key: str,
        expires_in: int,
        file_name: str | None = None,
        media_type: str | None = None,
    ) -> str:
        name, seconds = self._name(key), check_expiry(expires_in)
        place = self._place
        if not place.access_key_id:
            with _translated(key):
                return obstore.sign(self._bucket, "GET", name, timedelta(seconds=seconds))
        query = {"response-content-disposition": attachment(file_name)} if file_name else {}
        query |= {"response-content-type": media_type} if media_type else {}
        signer = Signer(
            place.access_key_id, place.secret_access_key, _region(place), place.session_token
        )
        seen = replace(place, endpoint=place.public_endpoint or place.endpoint)
        return signer.presign(f"{_base(seen)}/{name}", self._clock(), seconds, query)

    def close(self) -> None:
        """obstore closes its connections itself."""

    def _name(self, key: str) -> str:
        return self._prefix + check_key(key)


def _bucket(place: S3Place, patience: Patience) -> Bucket:
    config: dict[str, Any] = {
        "region": _region(place) if place.access_key_id else place.region,
        "endpoint": place.endpoint,
        "access_key_id": place.access_key_id,
        "secret_access_key": place.secret_access_key,
        "session_token": place.session_token,
    }
    return Bucket(
        place.bucket,
        config={name: value for name, value in config.items() if value},  # type: ignore[arg-type]
        client_options={
            "allow_http": place.endpoint.startswith("http://"),
            "connect_timeout": timedelta(seconds=5),
            "timeout": timedelta(seconds=120),  # of one part, not of a whole file
        },
        retry_config={
            "max_retries": patience.attempts - 1,
            "backoff": {
                "init_backoff": timedelta(seconds=patience.first),
                "max_backoff": timedelta(seconds=patience.longest),
                "base": 2,
            },
            "retry_timeout": timedelta(seconds=60),
        },
    )


def _region(place: S3Place) -> str:
    return place.region or "us-east-1"


def _base(place: S3Place) -> str:
    if place.endpoint:
        return f"{place.endpoint.rstrip('/')}/{place.bucket}"
    host = f"s3.{_region(place)}.amazonaws.com"
    # A name with dots has no certificate as a host.
    dotted = "." in place.bucket
    return f"https://{host}/{place.bucket}" if dotted else f"https://{place.bucket}.{host}"


def _pieces(key: str, found: obstore.GetResult) -> Iterator[bytes]:
    with _translated(key):
        for piece in found.stream():
            yield bytes(piece)


@contextmanager
def _translated(key: str) -> Iterator[None]:
    try:
        yield
    except (NotFoundError, FileNotFoundError) as error:
        if "NoSuchBucket" in str(error):
            raise _refused("The bucket does not exist.") from error
        raise missing(key) from error
    except (PermissionDeniedError, UnauthenticatedError, PermissionError) as error:
        raise _refused("The S3 server refused access.") from error
    except (BaseError, OSError) as error:
        raise StorageError(
            "storage_unavailable",
            f"The S3 server does not answer as it should: {_cause(error)}.",
            "Try again later; check the endpoint if it stays so.",
        ) from error


def _refused(message: str) -> StorageError:
    return StorageError("storage_refused", message, "Check bucket, region and keys.")


def _cause(error: BaseException) -> str:
    """The first line; obstore appends its debug form, with the request's headers in it."""
    return str(error).split("\n")[0][:200].rstrip(".") or type(error).__name__
