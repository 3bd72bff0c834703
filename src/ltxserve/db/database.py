"""One database by its URL, SQLite or PostgreSQL: transactions, upgrades, backup; knows no table.

SQLite: a writing transaction is taken at its start (BEGIN IMMEDIATE), so that a check and the
change that rests on it stay together; WAL, and synchronous=FULL: money survives a power loss.
"""

from __future__ import annotations

import contextlib
import importlib
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from ltxserve.db.disks import check_local
from ltxserve.db.failures import translate
from ltxserve.errors import ConfigurationError, LtxserveError

MIGRATIONS = "ltxserve.db:migrations"
_BUSY_MILLISECONDS = 30_000
_UPGRADE_LOCK = 0x6C7478  # any number, the same in every process


class Database:
    """Connections to one database; safe to share between threads, not between processes."""

    def __init__(self, url: str) -> None:
        """Opens nothing yet.

        Raises ConfigurationError: `settings_invalid` for an unusable URL, `database_on_network` for
        a SQLite file on a network file system.
        """
        self.url = read_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        if self.is_sqlite:
            check_local(Path(self.url.database or ""))
        self.engine = _sqlite(self.url) if self.is_sqlite else _postgres(self.url)
        self._reader = self.engine.execution_options(
            **({"sqlite_begin": "BEGIN"} if self.is_sqlite else {"postgresql_readonly": True})
        )

    @contextlib.contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        """A transaction that may write: committed at the end, rolled back on any exception.

        Raises DatabaseUnavailable `database_unavailable` or `storage_full`; other errors of the
        database (a violated constraint) pass as SQLAlchemy's.
        """
        try:
            with self.engine.begin() as connection:
                yield connection
        except (DBAPIError, PoolTimeout) as error:
            raise translate(error) from error

    @contextlib.contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A transaction that only reads and, on SQLite, waits for no writer."""
        try:
            with self._reader.begin() as connection:
                yield connection
        except (DBAPIError, PoolTimeout) as error:
            raise translate(error) from error

    def upgrade(self, revision: str = "head") -> None:
        """Bring the tables to the newest form, in one transaction; safe to call in every process.

        Creates the database's file and folder on SQLite.
        """
        if self.is_sqlite and self.url.database:
            Path(self.url.database).parent.mkdir(parents=True, exist_ok=True)
        from alembic import command

        with self.begin() as connection:
            if not self.is_sqlite:
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_UPGRADE_LOCK)))
            command.upgrade(self._alembic(connection), revision)

    def downgrade(self, revision: str) -> None:
        """Take the tables back to an older revision; "base" removes them. For tests and rescue."""
        from alembic import command

        with self.begin() as connection:
            command.downgrade(self._alembic(connection), revision)

    def backup(self, path: Path) -> None:
        """Write a consistent copy of a SQLite database while it is in use; `path` must be new.

        Raises LtxserveError `not_supported` on PostgreSQL, which has tools of its own, and
        `output_invalid` when `path` exists or its folder does not.
        """
        if not self.is_sqlite:
            raise LtxserveError(
                "not_supported", "Only SQLite is backed up from here.", "Use pg_dump."
            )
        if path.exists() or not path.parent.is_dir():
            raise LtxserveError(
                "output_invalid",
                f"The backup cannot be written to {path}.",
                "Name a new file in a folder that exists.",
                "path",
            )
        try:
            with self.engine.connect().execution_options(sqlite_begin="") as connection:
                connection.execute(sa.text("VACUUM INTO :path"), {"path": str(path)})
        except DBAPIError as error:
            raise translate(error) from error

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()

    def _alembic(self, connection: sa.Connection) -> Any:
        from alembic.config import Config

        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", MIGRATIONS)
        return config


def read_url(text: str) -> URL:
    """The URL with its driver: sqlite:///FILE or postgresql://USER@HOST/NAME.

    Raises ConfigurationError `settings_invalid` for anything else, also for SQLite in memory, where
    each connection would have a database of its own.
    """
    try:
        url = make_url(text)
    except ArgumentError:
        raise _unusable() from None
    backend = url.get_backend_name()
    if backend == "sqlite" and url.database and url.database != ":memory:":
        return url.set(drivername="sqlite")
    if backend in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+psycopg")
    raise _unusable()


def sqlite_module() -> ModuleType:
    """The SQLite that is used: pysqlite3 where it is installed, else Python's own.

    One known and new SQLite everywhere; Debian 12's is too old for the job engine.
    """
    try:
        return importlib.import_module("pysqlite3.dbapi2")
    except ImportError:
        return sqlite3


def _unusable() -> ConfigurationError:
    # The URL is not shown: it may hold a password.
    return ConfigurationError(
        "settings_invalid",
        "The database URL cannot be used.",
        "Write sqlite:///path/to/file.db or postgresql://user:password@host/name.",
        "LTXSERVE_DATABASE_URL",
    )


def _postgres(url: URL) -> sa.Engine:
    return sa.create_engine(url, pool_pre_ping=True, pool_size=10, max_overflow=20)


def _write_ahead(cursor: sqlite3.Cursor) -> None:
    """Turn on the write-ahead log.

    Where several do so at once, SQLite answers "locked" without waiting: one does it, the others
    look again.
    """
    end = time.monotonic() + _BUSY_MILLISECONDS / 1000
    while cursor.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite_module().OperationalError:
            if time.monotonic() > end:
                raise
            time.sleep(0.01)


def _sqlite(url: URL) -> sa.Engine:
    engine = sa.create_engine(url, module=sqlite_module(), pool_size=10, max_overflow=40)

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, record: object) -> None:
        del record
        # Python's own BEGIN would come late, before the first write; ours comes at the start.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={_BUSY_MILLISECONDS}")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA synchronous=FULL")
        _write_ahead(cursor)
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        start = connection.get_execution_options().get("sqlite_begin", "BEGIN IMMEDIATE")
        if start:
            connection.exec_driver_sql(start)

    return engine
