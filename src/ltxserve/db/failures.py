"""Turns what a driver raises into our coded errors; knows both drivers' words and no table."""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from ltxserve.errors import DatabaseUnavailable

_DISK_FULL = "53100"
_NOT_WRITABLE = ("readonly database", "read-only")


def translate(error: DBAPIError | PoolTimeout) -> Exception:
    """The coded error for a lost, busy or full database; any other error comes back unchanged."""
    if isinstance(error, PoolTimeout):  # all connections are in use, and none came back in time
        return _unavailable("Try again; if it stays, the database is too slow for what is asked.")
    text = str(error.orig).lower()
    if getattr(error.orig, "sqlstate", None) == _DISK_FULL or "disk is full" in text:
        return DatabaseUnavailable(
            "storage_full",
            "The database has no room left on its disk.",
            "Free space on that disk, then try again; nothing was half written.",
        )
    if not (error.connection_invalidated or isinstance(error, OperationalError | InterfaceError)):
        return error
    if "no such table" in text:
        hint = "Run `ltxserve db upgrade` first."
    elif any(words in text for words in _NOT_WRITABLE):
        hint = "The database's file or folder is not writable for this user."
    else:
        hint = "Try again; if it stays, look at the database and LTXSERVE_DATABASE_URL."
    return _unavailable(hint)


def _unavailable(hint: str) -> DatabaseUnavailable:
    return DatabaseUnavailable("database_unavailable", "The database does not answer.", hint)
