"""`ltxserve db`: upgrade and backup."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from ltxserve.db.database import Database
from ltxserve.db.tables import accounts
from tests.unit.cli.service import Operator


@pytest.fixture
def operator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Operator:
    return Operator(tmp_path / "data", monkeypatch)


def test_upgrade_makes_the_database_and_can_be_repeated(operator: Operator):
    for _ in range(2):
        assert "up to date: sqlite:///" in operator.say("db", "upgrade")
    assert (operator.folder / "ltxserve.db").is_file()


def test_a_backup_is_a_database(operator: Operator, tmp_path: Path):
    operator.say("accounts", "create", "mivo")
    assert operator.say("db", "backup", str(tmp_path / "copy.db")) == str(tmp_path / "copy.db")
    copy = Database(f"sqlite:///{tmp_path / 'copy.db'}")
    with copy.read() as conn:
        assert conn.execute(sa.select(accounts.c.name)).scalars().all() == ["local", "mivo"]
    copy.close()


def test_a_backup_overwrites_nothing(operator: Operator, tmp_path: Path):
    operator.say("db", "upgrade")
    (tmp_path / "copy.db").write_text("mine", "utf-8")
    assert operator.refused("db", "backup", str(tmp_path / "copy.db")) == "output_invalid"


def test_a_url_that_cannot_be_used_is_refused(operator: Operator, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LTXSERVE_DATABASE_URL", "mysql://me:hunter2@host/name")
    result = operator.run("db", "upgrade")
    assert getattr(result.exception, "code", None) == "settings_invalid"
    assert "hunter2" not in str(result.exception)
