"""Fixtures of databases: `database` runs a test on SQLite and on PostgreSQL where one can start.

A conftest.py imports what its folder needs.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ltxserve.db.database import Database
from tests.postgres import NoPostgres, new_database, server


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a PostgreSQL server for the whole run; skips with the reason where none is."""
    try:
        running = server()
        url = running.__enter__()
    except NoPostgres as reason:
        pytest.skip(f"no PostgreSQL: {reason}")
    yield url
    running.__exit__(None, None, None)


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'test.db'}"
        return
    with new_database(request.getfixturevalue("postgres_server")) as url:
        yield url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A database with all tables and the account "local"."""
    opened = Database(database_url)
    opened.upgrade()
    yield opened
    opened.close()


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Database]:
    """The same on SQLite only, for what both have in common and was tested on both."""
    opened = Database(f"sqlite:///{tmp_path / 'test.db'}")
    opened.upgrade()
    yield opened
    opened.close()
