"""Files that callers gave: received, examined, kept for a while; another account's do not exist.

Everything that came from outside is a row here, whichever way it came, so that one sweep removes
it. Knows no HTTP.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import sqlalchemy as sa

from ltxserve.db.database import Database
from ltxserve.db.ids import new_id
from ltxserve.db.tables import uploads
from ltxserve.errors import NotFound
from ltxserve.media.examine import Examined, MediaLimits, examine
from ltxserve.media.fetch import too_large
from ltxserve.storage.base import CHUNK, ArtifactStore
from ltxserve.storage.names import check_file_name

if TYPE_CHECKING:
    from ltxserve.accounts.accounts import Account

_AT_ONCE = 200


@dataclass(frozen=True)
class Upload:
    """A row of the table uploads. info: family (image, video, audio), width, seconds ... ."""

    id: str
    account_id: str
    key: str
    file_name: str | None
    media_type: str
    bytes: int
    sha256: str
    info: dict[str, Any] = field(hash=False)
    created_at: float
    expires_at: float | None

    @property
    def family(self) -> str:
        """image, video or audio."""
        return str(self.info["family"])


@dataclass(frozen=True)
class Uploads:
    """The use cases. keep_seconds: how long a file is kept after it came."""

    database: Database
    store: ArtifactStore
    limits: MediaLimits = field(default_factory=MediaLimits)
    keep_seconds: float = 7 * 86400.0
    clock: Callable[[], float] = time.time

    def create(
        self,
        account: Account,
        file: BinaryIO,
        file_name: str | None = None,
        media_type: str = "",
        identifier: str | None = None,
    ) -> Upload:
        """Take a file that a caller sends. media_type: what the caller says it is.

        identifier: an id that was promised before (see `new_id`); nothing may have it yet.

        Raises StorageError `file_name_invalid`, MediaError `media_type_refused`, `media_too_large`,
        `media_corrupt`, and what the store raises.
        """
        if file_name is not None:
            check_file_name(file_name)
        with workplace() as path:
            receive(file, path, self.limits.max_any_bytes)
            found = examine(path, self.limits, media_type)
            return self.keep(account, found, file_name, identifier)

    def keep(
        self,
        account: Account,
        found: Examined,
        file_name: str | None = None,
        identifier: str | None = None,
    ) -> Upload:
        """Store an examined file; its row exists only when it can be read back."""
        fresh, now = new_id(), self.clock()
        # Of two files that are sent for one promised id, each has a place of its own: the one that
        # comes too late must not take the other's, nor remove it.
        name = fresh if identifier is None else f"{identifier}.{fresh}"
        identifier = identifier or fresh
        key = f"{account.id}/uploads/{name}{found.kind.suffix}"
        stored = self.store.put(key, found.path, found.kind.media_type)
        upload = Upload(
            identifier,
            account.id,
            key,
            file_name,
            stored.media_type,
            stored.bytes,
            cast(str, stored.sha256),  # a put always knows it
            {"family": found.family, **found.facts},
            now,
            now + self.keep_seconds,
        )
        try:
            with self.database.begin() as conn:
                conn.execute(uploads.insert().values(**vars(upload)))
        except BaseException:
            self.store.delete(key)
            raise
        return upload

    def get(self, account: Account, identifier: str) -> Upload:
        """The upload. Raises NotFound `upload_not_found`, also when it has expired."""
        query = sa.select(uploads).where(
            uploads.c.id == identifier, uploads.c.account_id == account.id
        )
        with self.database.read() as conn:
            row = conn.execute(query).first()
        if row is None or self._is_over(row.expires_at):
            raise NotFound(
                "upload_not_found",
                "There is no upload of this id.",
                "It may have expired: send the file again.",
                "id",
            )
        return _upload(row)

    def list(self, account: Account, limit: int = 50, before: str | None = None) -> list[Upload]:
        """The account's uploads, newest first; `before`: go on behind this id."""
        query = (
            sa.select(uploads)
            .where(uploads.c.account_id == account.id, uploads.c.expires_at > self.clock())
            .order_by(uploads.c.id.desc())
            .limit(min(limit, _AT_ONCE))
        )
        if before is not None:
            query = query.where(uploads.c.id < before)
        with self.database.read() as conn:
            return [_upload(row) for row in conn.execute(query)]

    def open(self, upload: Upload, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """An upload's bytes, as `ArtifactStore.open`."""
        return self.store.open(upload.key, start, end)

    def delete(self, account: Account, identifier: str) -> None:
        """Remove an upload, file first: what is left after a kill is swept later."""
        upload = self.get(account, identifier)
        self._remove(upload.id, upload.key)

    def sweep(self) -> int:
        """Remove what has expired; how many. Safe to run at any time, also twice at once."""
        query = (
            sa.select(uploads.c.id, uploads.c.key)
            .where(uploads.c.expires_at <= self.clock())
            .order_by(uploads.c.expires_at)
            .limit(_AT_ONCE)
        )
        with self.database.read() as conn:
            due = conn.execute(query).all()
        for identifier, key in due:
            self._remove(identifier, key)
        return len(due)

    def _remove(self, identifier: str, key: str) -> None:
        self.store.delete(key)
        with self.database.begin() as conn:
            conn.execute(uploads.delete().where(uploads.c.id == identifier))

    def _is_over(self, expires_at: float | None) -> bool:
        return expires_at is not None and expires_at <= self.clock()


@contextmanager
def workplace() -> Iterator[Path]:
    """Where one file that comes in may lie until it is judged; gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="ltxserve-incoming-") as folder:
        yield Path(folder) / "incoming"


def receive(file: BinaryIO, into: Path, limit: int) -> int:
    """Copy what comes; its size. Raises MediaError `media_too_large` behind `limit` bytes."""
    size = 0
    with into.open("wb") as out:
        while piece := file.read(CHUNK):
            size += len(piece)
            if size > limit:
                raise too_large("The file", limit)
            out.write(piece)
    return size


def _upload(row: sa.Row[Any]) -> Upload:
    return Upload(**row._mapping)
