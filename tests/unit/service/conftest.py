"""One running service for the tests of this folder that leave no trace in each other."""

from collections.abc import Iterator

import pytest

from ltxserve.app import App
from tests.databases import database, database_url, postgres_server, sqlite
from tests.services import service

__all__ = ["database", "database_url", "postgres_server", "sqlite"]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    with service(tmp_path_factory.mktemp("service")) as running:
        yield running
