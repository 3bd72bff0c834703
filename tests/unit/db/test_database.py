"""Databases: by URL, upgraded as a whole, with writers that wait for each other."""

import contextlib
import sqlite3
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import DBAPIError

from ltxserve.db.database import Database, read_url, sqlite_module
from ltxserve.db.tables import accounts, metadata
from ltxserve.errors import ConfigurationError, DatabaseUnavailable, LtxserveError
from tests.threads import together


def balance(database: Database) -> int:
    with database.read() as conn:
        return conn.execute(sa.select(accounts.c.balance)).scalar_one()


def add(database: Database, amount: int) -> None:
    """Read, then write what was read plus something: wrong unless writers wait."""
    with database.begin() as conn:
        query = sa.select(accounts.c.balance).with_for_update()
        held = conn.execute(query).scalar_one()
        conn.execute(sa.update(accounts).values(balance=held + amount))


def test_upgrade_makes_exactly_the_tables(database: Database):
    with database.read() as conn:
        assert compare_metadata(MigrationContext.configure(conn), metadata) == []


def test_upgrade_again_changes_nothing(database: Database):
    add(database, 7)
    database.upgrade()
    assert balance(database) == 7


def test_downgrade_removes_everything(database: Database):
    database.downgrade("base")
    with database.read() as conn:
        assert set(sa.inspect(conn).get_table_names()) <= {"alembic_version"}
    database.upgrade()
    assert balance(database) == 0


def test_processes_that_start_together_upgrade_once(database_url: str):
    databases = [Database(database_url) for _ in range(4)]
    together([one.upgrade for one in databases])
    assert balance(databases[0]) == 0
    for one in databases:
        one.close()


def test_a_new_file_can_be_opened_by_many_at_once(tmp_path: Path):
    for number in range(10):
        found = [Database(f"sqlite:///{tmp_path / str(number)}.db") for _ in range(8)]

        def mode(one: Database) -> str:
            with one.read() as conn:
                return str(conn.exec_driver_sql("PRAGMA journal_mode").scalar())

        assert together([partial(mode, one) for one in found]) == ["wal"] * 8
        for one in found:
            one.close()


def test_an_exception_takes_everything_back(database: Database):
    with pytest.raises(KeyError), database.begin() as conn:
        conn.execute(sa.update(accounts).values(balance=5))
        raise KeyError("no")
    assert balance(database) == 0


def test_writers_wait_for_each_other(database: Database):
    together([lambda: [add(database, 1) for _ in range(10)]] * 8)
    assert balance(database) == 80


def test_a_reader_does_not_wait_for_a_writer(database: Database):
    with database.begin() as conn:
        conn.execute(sa.update(accounts).values(balance=5))
        assert balance(database) == 0
    assert balance(database) == 5


def test_a_reader_cannot_write_on_postgres(database: Database):
    if database.is_sqlite:
        pytest.skip("SQLite has no transaction that only reads")
    with pytest.raises(DBAPIError), database.read() as conn:
        conn.execute(sa.update(accounts).values(balance=5))


def test_sqlite_keeps_money_through_a_power_loss(sqlite: Database):
    with sqlite.begin() as conn:
        pragma = {
            name: conn.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    expected = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 30_000}
    assert pragma == expected


def test_the_sqlite_is_new_enough_for_the_job_engine():
    assert tuple(sqlite_module().sqlite_version_info) >= (3, 42)


def test_a_backup_is_taken_while_the_database_is_used(sqlite: Database, tmp_path: Path):
    add(sqlite, 9)
    with sqlite.begin() as conn:
        conn.execute(sa.update(accounts).values(balance=10))
        sqlite.backup(tmp_path / "copy.db")
    copy = Database(f"sqlite:///{tmp_path / 'copy.db'}")
    assert balance(copy) == 9
    copy.close()


def test_a_backup_overwrites_nothing(sqlite: Database, tmp_path: Path):
    (tmp_path / "copy.db").write_text("mine", "utf-8")
    with pytest.raises(LtxserveError):
        sqlite.backup(tmp_path / "copy.db")
    assert (tmp_path / "copy.db").read_text("utf-8") == "mine"


def test_postgres_is_backed_up_by_its_own_tools():
    with pytest.raises(LtxserveError) as refusal:
        Database("postgresql://nobody@127.0.0.1:9/none").backup(Path("copy.db"))
    assert refusal.value.code == "not_supported"


def test_a_server_that_is_not_there_is_said():
    nowhere = Database("postgresql://nobody@127.0.0.1:9/none?connect_timeout=2")
    with pytest.raises(DatabaseUnavailable) as failure, nowhere.read():
        pass
    assert failure.value.code == "database_unavailable"


def test_a_database_without_tables_says_what_to_do(tmp_path: Path):
    empty = Database(f"sqlite:///{tmp_path / 'empty.db'}")
    with pytest.raises(DatabaseUnavailable) as failure:
        balance(empty)
    empty.close()
    assert "db upgrade" in failure.value.hint


def test_connections_that_are_all_in_use_are_said(sqlite: Database):
    sqlite.engine = sa.create_engine(sqlite.url, pool_size=1, max_overflow=0, pool_timeout=0)
    with sqlite.engine.connect(), pytest.raises(DatabaseUnavailable), sqlite.begin():
        pass
    sqlite.close()


def test_a_full_database_says_so(sqlite: Database):
    with pytest.raises(DatabaseUnavailable) as failure, sqlite.begin() as conn:
        conn.exec_driver_sql("PRAGMA max_page_count=1")
        conn.exec_driver_sql("CREATE TABLE big (text TEXT)")
        conn.exec_driver_sql("INSERT INTO big VALUES (zeroblob(1000000))")
    assert failure.value.code == "storage_full"


@pytest.mark.parametrize(
    ("url", "driver"),
    [
        ("sqlite:///file.db", "sqlite"),
        ("sqlite:////var/lib/ltxserve/file.db", "sqlite"),
        ("postgresql://me:secret@host/name", "postgresql+psycopg"),
        ("postgres://me@host/name", "postgresql+psycopg"),
        ("postgresql+psycopg://me@host/name", "postgresql+psycopg"),
    ],
)
def test_urls_get_their_driver(url: str, driver: str):
    assert read_url(url).drivername == driver


@pytest.mark.parametrize("url", ["", "file.db", "mysql://host/name", "sqlite://", "sqlite:///"])
def test_urls_that_cannot_be_used_are_refused(url: str):
    with pytest.raises(ConfigurationError) as refusal:
        read_url(url)
    assert refusal.value.code == "settings_invalid"


@given(st.text())
def test_no_url_breaks_the_reader(url: str):
    with contextlib.suppress(ConfigurationError):
        assert read_url(url).drivername in {"sqlite", "postgresql+psycopg"}


def test_a_password_is_never_shown():
    with pytest.raises(ConfigurationError) as refusal:
        read_url("mysql://me:hunter2@host/name")
    assert "hunter2" not in str(refusal.value)
    assert "hunter2" not in repr(read_url("postgresql://me:hunter2@host/name"))


def test_python_reads_the_same_file(sqlite: Database, tmp_path: Path):
    add(sqlite, 3)
    plain = sqlite3.connect(tmp_path / "test.db")
    assert plain.execute("SELECT balance FROM accounts").fetchone() == (3,)
    plain.close()
