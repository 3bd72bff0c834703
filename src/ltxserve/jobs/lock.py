"""One orchestrator per database: a lock that ends with the process that holds it, however it ends.

A file lock beside the SQLite file, an advisory lock on PostgreSQL. Knows no orchestrator.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import IO, Protocol

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from ltxserve.db.database import Database

_ADVISORY = 0x6C74_6F72_6368
"""The number of our lock on PostgreSQL; any, the same in every process."""


class Lock(Protocol):
    """Held by one process at most. Not for several threads."""

    def take(self) -> bool:
        """Try at once; True when this process holds it now."""
        ...

    def held(self) -> bool:
        """Whether it is still ours; a lost connection loses it."""
        ...

    def release(self) -> None:
        """Give it up; another process may take it at once."""
        ...


def create_lock(database: Database) -> Lock:
    """The lock that fits the database."""
    if database.is_sqlite:
        return FileLock(Path(f"{database.url.database}.orchestrator"))
    return AdvisoryLock(database)


class FileLock:
    """A lock on a file of this machine; the operating system lets go when the process ends."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[str] | None = None

    def take(self) -> bool:
        if self._file is not None:
            return True
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = self._path.open("a+", encoding="ascii")
        try:
            _lock(file)
        except OSError:
            file.close()
            return False
        self._file = file
        # For people who ask who it is; nothing reads it, so a full disk does not matter.
        with contextlib.suppress(OSError):
            os.ftruncate(file.fileno(), 0)
            os.write(file.fileno(), f"{os.getpid()}\n".encode())
        return True

    def held(self) -> bool:
        return self._file is not None

    def release(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


class AdvisoryLock:
    """A lock of a PostgreSQL session: it ends with its connection, so that is looked at."""

    def __init__(self, database: Database) -> None:
        self._engine = database.engine
        self._connection: sa.Connection | None = None

    def take(self) -> bool:
        if self._connection is not None:
            return self.held()
        try:
            connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        except (DBAPIError, PoolTimeout):
            return False
        try:
            taken = connection.scalar(sa.select(sa.func.pg_try_advisory_lock(_ADVISORY)))
        except DBAPIError:
            taken = False
        if taken:
            self._connection = connection
            return True
        _drop(connection)
        return False

    def held(self) -> bool:
        if self._connection is None:
            return False
        try:
            self._connection.execute(sa.select(sa.literal(1)))
        except DBAPIError:
            self.release()
            return False
        return True

    def release(self) -> None:
        if self._connection is not None:
            _drop(self._connection)
            self._connection = None


def _drop(connection: sa.Connection) -> None:
    # Not back into the pool: the session, and with it the lock, has to end.
    with contextlib.suppress(DBAPIError):
        connection.invalidate()
    with contextlib.suppress(DBAPIError):
        connection.close()


def _lock(file: IO[str]) -> None:
    """Lock an open file or raise OSError."""
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
    else:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
