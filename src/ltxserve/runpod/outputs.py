"""Gives finished clips back: in the caller's bucket or address, in the worker's store, or inline.

Knows files and where they go, no model. A path of this machine is never given as a link.
"""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ltxserve.errors import MediaError, Problem, StorageError
from ltxserve.media.fetch import FetchRules
from ltxserve.media.post import check_address, put
from ltxserve.runpod.results import MAX_INLINE, too_large
from ltxserve.runpod.schema import Reading
from ltxserve.runpod.words import S3Target
from ltxserve.storage.base import MAX_EXPIRY, ArtifactStore, check_key
from ltxserve.storage.names import check_file_name, dated_key, is_bucket
from ltxserve.storage.retry import PATIENT, Patience, retrying
from ltxserve.storage.sigv4 import Signer
from ltxserve.storage.supabase import SupabaseStore

UPLOAD_SECONDS = 600.0
"""How long sending one file to an address of the caller may take, all attempts together."""
_AWS = re.compile(r"s3[.-]([a-z0-9-]+)\.amazonaws\.com$")
_ENDPOINT = re.compile(r"https?://[!-~]+", re.IGNORECASE)
_NOT_IN_KEYS = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True)
class Delivery:
    """How a job's clips are to be given back; see `Extras` for what its words mean."""

    job_id: str
    file_name: str = "video.mp4"
    signed: bool = True
    inline: bool = False
    upload_urls: tuple[str, ...] = ()
    s3: S3Target | None = None


@dataclass(frozen=True)
class Finished:
    """A clip on this machine. number: from 0, of `of` clips of its job."""

    path: Path
    media_type: str
    bytes: int
    sha256: str
    number: int = 0
    of: int = 1


@dataclass(frozen=True)
class Outputs:
    """Where clips go unless a job says otherwise.

    store: of the worker, None = there is none that others can read. seconds: links hold so long.
    rules: where a caller's addresses may lead. patience: with addresses that do not answer.
    """

    store: ArtifactStore | None
    seconds: int = 86400
    rules: FetchRules = field(default_factory=FetchRules)
    clock: Callable[[], float] = time.time
    patience: Patience = PATIENT

    def problems(self, reading: Reading, clips: int) -> list[Problem]:
        """What is wrong with a job's words about its delivery, before anything is made."""
        extras, found = reading.extras, []
        try:
            check_file_name(extras.file_name)
        except StorageError as error:
            found.append(Problem(error.code, error.message, error.hint, "file_name"))
        given = reading.upload_urls
        if extras.upload_url is not None and len(given) != clips:
            message = f"There are {len(given)} addresses for {clips} clips."
            found.append(Problem("invalid_field", message, "Give one for each.", "upload_url"))
        if given and extras.s3 is not None:
            message, hint = "There are upload_url and s3.", "Give one of the two."
            found.append(Problem("conflicting_fields", message, hint, "upload_url"))
        addresses = [("upload_url", url) for url in given]
        if extras.s3 is not None:
            found += _problems_of(extras.s3)
            addresses.append(("s3.endpoint", extras.s3.endpoint))
        for name, url in addresses:
            try:
                check_address(url, self.rules)
            except MediaError as error:
                found.append(Problem(error.code, error.message, error.hint, name))
        return found

    def deliver(
        self,
        clips: Sequence[Finished],
        delivery: Delivery,
        before: Callable[[int], None] = lambda done: None,
    ) -> list[dict[str, Any]]:
        """Give clips back; for each: `video` (url or base64, type, bytes, sha256), and
        `supabase` where it lies there.

        before: told before each one how many are done; what it raises stops the rest.
        Raises StorageError, MediaError, LtxserveError `result_too_large`.
        """
        remote = bool(delivery.upload_urls or delivery.s3 or self.store is not None)
        inline = delivery.inline or not remote
        size = sum(clip.bytes for clip in clips)
        if inline and size > MAX_INLINE:
            if not remote:
                raise too_large(size * 4 // 3, MAX_INLINE * 4 // 3)
            inline = False  # the link is there, and base64 would lose it
        places: list[dict[str, Any]] = []
        for clip in clips:
            before(len(places))
            places.append(self._one(clip, delivery, inline))
        return places

    def _one(self, clip: Finished, delivery: Delivery, inline: bool) -> dict[str, Any]:
        given: dict[str, Any] = {}
        link: dict[str, Any] = {"url": None}
        if delivery.upload_urls:
            address = delivery.upload_urls[clip.number]
            self._put(address, clip)
            link["uploaded_to"] = address.partition("?")[0]
        elif delivery.s3 is not None:
            link["url"] = self._into(delivery.s3, clip, delivery)
        elif self.store is not None:
            key = self._key(clip, delivery)
            self.store.put(key, clip.path, clip.media_type)
            given = self._placed(self.store, key, delivery)
            link["url"] = given.pop("url")
        if inline:
            link["base64"] = base64.b64encode(clip.path.read_bytes()).decode("ascii")
        facts = {"content_type": clip.media_type, "bytes": clip.bytes, "sha256": clip.sha256}
        return {**given, "video": {**link, **facts}}

    def _placed(self, store: ArtifactStore, key: str, delivery: Delivery) -> dict[str, Any]:
        seconds = min(self.seconds, MAX_EXPIRY)
        if not isinstance(store, SupabaseStore):
            return {"url": store.url(key, seconds) if delivery.signed else None}
        public = store.public_url(key)
        signed = store.url(key, seconds) if delivery.signed else None
        place = {"bucket": store.bucket, "path": store.path_of(key)}
        return {
            "url": signed or public,
            "supabase": {**place, "signed_url": signed, "public_url": public},
        }

    def _into(self, target: S3Target, clip: Finished, delivery: Delivery) -> str:
        """Put a clip into the caller's bucket; the link that reads it."""
        endpoint = target.endpoint.rstrip("/")
        region = target.region or _region_of(endpoint)
        signer = Signer(target.access_key_id, target.secret_access_key, region)
        prefix = f"{target.prefix.strip('/')}/" if target.prefix.strip("/") else ""
        url = f"{endpoint}/{target.bucket}/{prefix}{self._key(clip, delivery)}"
        now = self.clock()
        self._put(signer.presign(url, now, int(UPLOAD_SECONDS) + 60, {}, "PUT"), clip)
        return signer.presign(url, now, min(self.seconds, MAX_EXPIRY), {})

    def _put(self, url: str, clip: Finished) -> None:
        """Send a clip; one that took minutes to make is not lost to an address that is away."""
        end = time.monotonic() + UPLOAD_SECONDS
        retrying(lambda: self._put_once(url, clip, end - time.monotonic()), self.patience)

    def _put_once(self, url: str, clip: Finished, seconds: float) -> None:
        rules = replace(self.rules, total_seconds=seconds)
        try:
            status = put(url, clip.path, {"Content-Type": clip.media_type}, rules)
        except MediaError as error:
            if error.code == "url_refused":
                raise
            message = f"The clip could not be sent to its address: {error.message}"
            raise StorageError("storage_unavailable", message, "Try again later.") from error
        if not 200 <= status < 300:
            code = "storage_unavailable" if status >= 500 else "storage_refused"
            message = f"The address that the clip was sent to answered {status}."
            hint = "Make a new presigned URL, for PUT, without signed headers besides the host."
            raise StorageError(code, message, hint)

    def _key(self, clip: Finished, delivery: Delivery) -> str:
        day = datetime.fromtimestamp(self.clock(), UTC).strftime("%Y-%m-%d")
        job = _NOT_IN_KEYS.sub("_", delivery.job_id).lstrip(".-")[:100] or "job"
        return dated_key(day, job, named(delivery.file_name, clip))


def _problems_of(target: S3Target) -> list[Problem]:
    """What is wrong with a bucket's words: said before a clip is made for it."""
    code, hint = "invalid_field", "Letters, digits and ._- are taken, in a prefix / between them."
    found: list[Problem] = []
    if not _ENDPOINT.fullmatch(target.endpoint) or set(target.endpoint) & {"?", "#"}:
        how = "Give it as https://HOST, without anything behind ? or #."
        found.append(Problem(code, "This is no endpoint.", how, "s3.endpoint"))
    if not is_bucket(target.bucket):
        found.append(Problem(code, "No bucket has this name.", hint, "s3.bucket"))
    try:
        check_key(target.prefix.strip("/") or "none")
    except StorageError:
        found.append(Problem(code, "This prefix cannot be used.", hint, "s3.prefix"))
    return found


def named(file_name: str, clip: Finished) -> str:
    """The caller's name with the suffix of what the file is; of several clips, with its number."""
    stem, dot, suffix = file_name.rpartition(".")
    known = ("mp4", "webm", "gif", "png", "zip", "mov")
    base = stem if dot and suffix.lower() in known else file_name
    number = f"-{clip.number + 1}" if clip.of > 1 else ""
    return f"{base}{number}{clip.path.suffix}"


def _region_of(endpoint: str) -> str:
    """The region that AWS wants in a signature; other servers take any, or the same default."""
    found = _AWS.search(urlsplit(endpoint).hostname or "")
    return found[1] if found else "us-east-1"
