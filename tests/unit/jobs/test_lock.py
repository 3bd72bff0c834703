"""One holder at a time, on both databases; the lock ends with the process or its connection."""

import subprocess
import sys

import pytest
import sqlalchemy as sa

from ltxserve.db.database import Database
from ltxserve.jobs.lock import AdvisoryLock, FileLock, create_lock

HOLD = """
import sys
from ltxserve.db.database import Database
from ltxserve.jobs.lock import create_lock
lock = create_lock(Database(sys.argv[1]))
print(lock.take(), flush=True)
sys.stdin.read()
"""


def url_of(database: Database) -> str:
    return database.url.render_as_string(hide_password=False)


def test_the_kind_fits_the_database(database: Database) -> None:
    kind = FileLock if database.is_sqlite else AdvisoryLock
    assert isinstance(create_lock(database), kind)


def test_one_holder_and_then_the_next(database: Database) -> None:
    first, second = create_lock(database), create_lock(database)
    assert not first.held()
    assert first.take()
    assert first.take(), "taking it again changes nothing"
    assert first.held()
    assert not second.take()
    first.release()
    assert not first.held()
    assert second.take()
    second.release()


def test_a_killed_process_gives_it_up(database: Database) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, url_of(database)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    lock = create_lock(database)
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "True\n"
        assert not lock.take()
        holder.kill()
        holder.wait()
        # PostgreSQL notices the end of a session a moment later.
        assert any(lock.take() or _wait() for _ in range(6000))
    lock.release()


def test_a_lost_connection_loses_it(database: Database) -> None:
    if database.is_sqlite:
        pytest.skip("a file lock has no connection")
    lock = create_lock(database)
    assert lock.take()
    with database.begin() as conn:
        conn.execute(
            sa.text(
                "SELECT pg_terminate_backend(pid) FROM pg_locks"
                " WHERE locktype = 'advisory' AND granted"
            )
        )
    assert not lock.held()
    assert lock.take()
    lock.release()


def _wait() -> None:
    import threading

    threading.Event().wait(0.01)
