"""Signed links to local files: what a link grants is inside it; knows no file and no route."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from itsdangerous import BadData, URLSafeSerializer

from ltxserve.errors import StorageError
from ltxserve.storage.base import check_expiry, check_key

_SALT = "ltxserve.storage.links.1"
_MAX_TOKEN = 4096


@dataclass(frozen=True)
class Grant:
    """What a link allows: to read `key`, shown in place or downloaded as `file_name`."""

    key: str
    file_name: str | None = None
    media_type: str | None = None


class Links:
    """Makes and redeems links; key, expiry, name and type are all under the signature.

    secrets: oldest first; the last one signs, all of them are accepted, so that keys can be
    changed without breaking links that are out. clock: seconds since the epoch.
    """

    def __init__(self, secrets: Sequence[str], clock: Callable[[], float] = time.time) -> None:
        if not secrets or not all(secrets):
            raise ValueError("links need a secret")
        self._serializer = URLSafeSerializer(list(secrets), salt=_SALT)
        self._clock = clock

    def sign(self, grant: Grant, expires_in: int) -> str:
        """A token of letters, digits and `-_.` that holds for `expires_in` seconds."""
        until = int(self._clock()) + check_expiry(expires_in)
        payload = [check_key(grant.key), until, grant.file_name, grant.media_type]
        return str(self._serializer.dumps(payload))

    def redeem(self, token: str) -> Grant:
        """What a token grants. Raises StorageError: `link_invalid`, `link_expired`."""
        try:
            if len(token) > _MAX_TOKEN:
                raise BadData("too long")
            key, until, file_name, media_type = self._serializer.loads(token)
        except (BadData, ValueError, TypeError) as error:
            raise StorageError(
                "link_invalid", "The link is not one made here.", "Copy the whole link."
            ) from error
        if self._clock() >= until:
            raise StorageError(
                "link_expired", "The link is no longer valid.", "Ask for the job again."
            )
        return Grant(check_key(key), file_name, media_type)
