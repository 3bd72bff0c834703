"""Hundreds of jobs under kill -9, SIGSTOP, restarts and database crashes: `make crash`.

STORM_JOBS and STORM_SEEDS choose how much and which weather.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ltxserve.app import create_app
from tests.crash.books import check
from tests.crash.served import Served
from tests.crash.storm import Storm
from tests.postgres import NoPostgres, Postgres
from tests.services import settings_for

pytestmark = pytest.mark.crash
JOBS = int(os.environ.get("STORM_JOBS", "150"))
SEEDS = [int(seed) for seed in os.environ.get("STORM_SEEDS", "1 2").split()]


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    """A server of its own: this one is going to be crashed."""
    try:
        server = Postgres()
        server.start()
    except NoPostgres as reason:
        pytest.skip(f"no PostgreSQL: {reason}")
    yield server
    server.close()


def check_storm(folder: Path, url: str, seed: int, server: Postgres | None) -> None:
    def crash() -> None:
        assert server is not None
        server.crash()
        server.start()

    app = create_app(settings_for(folder, database_url=url), "api")
    try:
        with Served(folder, url) as served:
            storm = Storm(app, served, folder, seed, JOBS, crash if server else None)
            storm.run(seconds=60 + 4 * JOBS)
            ended = check(app, storm.ids, storm.credit)
        attempts = len((folder / "diary").read_text().splitlines())
        print(f"\nseed {seed}: {dict(ended)}, {attempts} attempts, {dict(storm.done)}")  # noqa: T201 - figures
        assert len(storm.ids) == JOBS
        assert ended["succeeded"] > JOBS / 2
    finally:
        app.close()


@pytest.mark.parametrize("seed", SEEDS)
def test_storm_on_sqlite(tmp_path: Path, seed: int) -> None:
    check_storm(tmp_path, f"sqlite:///{tmp_path / 'storm.db'}", seed, None)


@pytest.mark.parametrize("seed", SEEDS)
def test_storm_on_postgres(tmp_path: Path, postgres: Postgres, seed: int) -> None:
    check_storm(tmp_path, postgres.url(), seed, postgres)
