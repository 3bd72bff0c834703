"""What callers name as a source becomes a checked file in the store, before anything is planned.

Uploads, finished jobs, http(s) URLs, data URIs and bare base64 are taken; a path never is. Workers
read `store:KEY` and nothing else, so no other way into the service's network or disk is left.
"""

from __future__ import annotations

import base64
import binascii
import copy
import re
import urllib.parse
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ltxserve.errors import (
    Conflict,
    LtxserveError,
    MediaError,
    NotFound,
    Problem,
    RequestRefused,
    StorageError,
)
from ltxserve.jobs import store as jobs
from ltxserve.jobs.states import JobState
from ltxserve.media.examine import Examined, examine
from ltxserve.media.fetch import FetchRules, fetch, is_url, too_large
from ltxserve.service.sources import KEPT, SEEN, families_of, lora_paths, sources_of
from ltxserve.service.uploads import Uploads, workplace
from ltxserve.storage.base import check_key

if TYPE_CHECKING:
    from ltxserve.accounts.accounts import Account

ANY = (*SEEN, "audio")

_ID = re.compile(r"(?:upload:|job:)?([0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})", re.IGNORECASE)
# Shorter texts are more likely a mistyped name than a picture. Possessive: trying again from every
# space of a text that is none takes minutes.
_BASE64 = re.compile(r"[A-Za-z0-9+/\s]{80,}+={0,2}+\s*+")
_AT_ONCE = 4


@dataclass(frozen=True)
class Inputs:
    """Settles sources. rules: where URLs may lead; sizes come from the uploads' limits."""

    uploads: Uploads
    rules: FetchRules = field(default_factory=FetchRules)

    def settle(self, account: Account, request: dict[str, Any]) -> dict[str, Any]:
        """The request with every source of it as `store:KEY`; each source is taken once.

        Raises RequestRefused with a problem for every source that cannot be used; StorageError
        and DatabaseUnavailable where it is not the caller's fault.
        """
        settled = copy.deepcopy(request)
        parts = list(sources_of(settled))
        problems = lora_paths(settled)
        taken = self._take(account, [(part["source"], families_of(name)) for name, part in parts])
        for name, part in parts:
            found = taken[part["source"], families_of(name)]
            if isinstance(found, str):
                part["source"] = found
            else:
                problems.append(Problem(found.code, found.message, found.hint, name))
        if problems:
            raise RequestRefused(problems)
        return settled

    def settle_one(self, account: Account, source: str, families: Sequence[str] = ANY) -> str:
        """One source as `store:KEY`. Raises MediaError, NotFound, Conflict, StorageError."""
        kept = self._kept(account, source, families)
        if kept is not None:
            return kept
        with workplace() as path:
            found = self._bring(source, path)
            _check_family(found.family, families)
            return KEPT + self.uploads.keep(account, found).key

    def digests(self, account: Account, request: dict[str, Any]) -> dict[str, str]:
        """SHA-256 of the uploads that the request names, by how it names them."""
        found: dict[str, str] = {}
        for _, part in sources_of(request):
            match = _ID.fullmatch(part["source"].strip())
            if match is not None:
                with suppress(NotFound):
                    found[part["source"]] = self.uploads.get(account, match[1].lower()).sha256
        return found

    def _take(
        self, account: Account, sources: Iterable[tuple[str, tuple[str, ...]]]
    ) -> dict[tuple[str, tuple[str, ...]], str | LtxserveError]:
        """Source and its families -> settled source, or what speaks against it."""

        def take(asked: tuple[str, tuple[str, ...]]) -> str | LtxserveError:
            try:
                return self.settle_one(account, *asked)
            except (MediaError, NotFound, Conflict) as error:
                return error

        distinct = list(dict.fromkeys(sources))
        if not distinct:
            return {}
        with ThreadPoolExecutor(min(_AT_ONCE, len(distinct)), "inputs") as threads:
            return dict(zip(distinct, threads.map(take, distinct), strict=True))

    def _kept(self, account: Account, source: str, families: Sequence[str]) -> str | None:
        """A source that the store has already, or None."""
        if source.startswith(KEPT):  # of a request that was settled before
            return self._own(account, source.removeprefix(KEPT))
        match = _ID.fullmatch(source.strip())
        if match is None:
            return None
        identifier = match[1].lower()
        try:
            upload = self.uploads.get(account, identifier)
        except NotFound:
            return KEPT + self._result(account, identifier, families)
        _check_family(upload.family, families)
        return KEPT + upload.key

    def _own(self, account: Account, key: str) -> str:
        try:
            mine = check_key(key).startswith(f"{account.id}/")
        except StorageError:
            mine = False
        if not mine or self.uploads.store.stat(key) is None:
            raise NotFound("upload_not_found", "There is no such file.", "Send it again.")
        return KEPT + key

    def _result(self, account: Account, identifier: str, families: Sequence[str]) -> str:
        """The key of a finished job's video; our own files need no examination."""
        try:
            with self.uploads.database.read() as conn:
                job = jobs.get(conn, identifier, account.id)
        except NotFound as error:
            raise NotFound(
                "upload_not_found",
                "There is no upload and no job of this id.",
                "It may have expired: send the file again.",
            ) from error
        if job.state is not JobState.SUCCEEDED:
            raise Conflict("not_ready", f"The job is {job.state}.", "Wait until it has succeeded.")
        video = (job.result or {}).get("artifacts", {}).get("video")
        if video is None:
            raise NotFound("file_not_found", "The job's video has expired.", "Generate it again.")
        _check_family("video", families)
        return str(video["key"])

    def _bring(self, source: str, path: Path) -> Examined:
        limits = self.uploads.limits
        if is_url(source):
            most = min(self.rules.max_bytes, limits.max_any_bytes)
            fetch(source, path, replace(self.rules, max_bytes=most))
            return examine(path, limits)  # what its server claims is worth nothing
        content, claimed = content_of(source, limits.max_any_bytes)
        path.write_bytes(content)
        return examine(path, limits, claimed)


def content_of(source: str, limit: int) -> tuple[bytes, str]:
    """The bytes of a data URI or of bare base64, and the media type that it claims.

    Its length is judged before anything is decoded. Raises MediaError `source_invalid` for a path
    or anything else, `media_too_large`, `media_corrupt`.
    """
    if source[:5].lower() == "data:":
        head, comma, body = source[5:].partition(",")
        if not comma:
            raise _corrupt("the data URI has no content")
        claimed = head.partition(";")[0].strip().lower()
        if not head.lower().endswith(";base64"):
            return _plain(body, limit), claimed
        # %2B and the like, which some clients write.
        return _decoded(urllib.parse.unquote(body) if "%" in body else body, limit), claimed
    if _BASE64.fullmatch(source):
        return _decoded(source, limit), ""
    raise MediaError(
        "source_invalid",
        "This is no source: files of the server are not read for callers.",
        "Give an http(s) URL, a data URI, base64, or the id of an upload or a job.",
    )


def _plain(body: str, limit: int) -> bytes:
    if len(body) > 3 * limit:
        raise too_large("The data URI", limit)
    return _small_enough(urllib.parse.unquote_to_bytes(body), limit)


def _decoded(text: str, limit: int) -> bytes:
    if len(text) * 3 // 4 > limit + limit // 32 + 4:  # line breaks are allowed for
        raise too_large("The content", limit)
    packed = "".join(text.split())
    try:
        content = base64.b64decode(packed + "=" * (-len(packed) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise _corrupt("it is not base64") from error
    return _small_enough(content, limit)


def _small_enough(content: bytes, limit: int) -> bytes:
    if len(content) > limit:
        raise too_large("The content", limit)
    return content


def _check_family(family: str, families: Sequence[str]) -> None:
    if family not in families:
        raise MediaError(
            "media_type_refused",
            f"The source is of the kind {family}, which cannot be used here.",
            f"Give one of the kind {' or '.join(families)}.",
        )


def _corrupt(why: str) -> MediaError:
    return MediaError(
        "media_corrupt", f"The content is damaged: {why}.", "Check how it was encoded."
    )
