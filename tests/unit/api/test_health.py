"""Ready, loading or broken, from what the parts say."""

from typing import Any

import pytest

from ltxserve.api.health import database_check, workers_check
from ltxserve.db.database import Database
from ltxserve.errors import DatabaseUnavailable
from ltxserve.pool.base import Slot


def slot(state: Any) -> Slot:
    return Slot("cpu:0", "cpu", None, state)


@pytest.mark.parametrize(
    ("slots", "said"),
    [
        (None, "elsewhere"),
        ((), "broken"),
        ((slot("starting"),), "loading"),
        ((slot("starting"), slot("busy")), "ok"),
        ((slot("ready"),), "ok"),
        ((slot("broken"),), "broken"),
    ],
)
def test_workers(slots: tuple[Slot, ...] | None, said: str):
    assert workers_check(slots) == said


def test_the_database(tmp_path: Any):
    database = Database(f"sqlite:///{tmp_path / 'a.db'}")
    assert database_check(database) == "ok"
    database.close()

    class Gone:
        def read(self) -> Any:
            raise DatabaseUnavailable("database_unavailable", "gone")

    assert database_check(Gone()) == "unavailable"
