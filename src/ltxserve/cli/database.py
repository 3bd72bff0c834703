"""The database of this installation for commands that manage it; imports its libraries late."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ltxserve.errors import ConfigurationError
from ltxserve.settings import Settings

if TYPE_CHECKING:
    from ltxserve.db.database import Database


@contextlib.contextmanager
def open_database(settings: Settings, upgrade: bool = True) -> Iterator[Database]:
    """The database the settings name, brought up to date, closed at the end.

    Raises ConfigurationError `backend_missing` without the extra `server`.
    """
    try:
        from ltxserve.db.database import Database
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            "backend_missing",
            f"The package {error.name} is not installed.",
            "Install the service: pip install 'ltxserve[server]'.",
        ) from None
    database = Database(settings.database)
    try:
        if upgrade:
            database.upgrade()
        yield database
    finally:
        database.close()
