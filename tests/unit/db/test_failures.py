"""What drivers raise, as coded errors with a fix."""

import pytest
from sqlalchemy.exc import (
    DBAPIError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    TimeoutError,
)

from ltxserve.db.failures import translate
from ltxserve.errors import DatabaseUnavailable


class FullDiskError(Exception):
    """What psycopg raises, by its SQLSTATE."""

    sqlstate = "53100"


CASES = {
    "database is locked": (OperationalError, "database_unavailable"),
    "database or disk is full": (OperationalError, "storage_full"),
    "no such table: jobs": (OperationalError, "database_unavailable"),
    "attempt to write a readonly database": (OperationalError, "database_unavailable"),
    "server closed the connection unexpectedly": (OperationalError, "database_unavailable"),
    "connection already closed": (InterfaceError, "database_unavailable"),
}


@pytest.mark.parametrize("text", CASES)
def test_a_database_that_fails_is_unavailable(text: str):
    kind, code = CASES[text]
    error = translate(kind("SELECT 1", None, Exception(text)))
    assert isinstance(error, DatabaseUnavailable)
    assert error.code == code
    assert error.hint


def test_postgres_says_it_by_sqlstate():
    error = translate(OperationalError("INSERT", None, FullDiskError("no space left on device")))
    assert isinstance(error, DatabaseUnavailable)
    assert error.code == "storage_full"


def test_connections_that_are_all_in_use_are_a_busy_database():
    error = translate(TimeoutError("QueuePool limit of size 10 overflow 40 reached"))
    assert isinstance(error, DatabaseUnavailable)
    assert error.hint
    assert "QueuePool" not in str(error)


def test_a_violated_constraint_stays_what_it_is():
    violated = IntegrityError("INSERT", None, Exception("UNIQUE constraint failed"))
    assert translate(violated) is violated


def test_a_lost_connection_counts_whatever_its_class():
    lost = DBAPIError("SELECT 1", None, Exception("gone"), connection_invalidated=True)
    assert isinstance(translate(lost), DatabaseUnavailable)


def test_the_hint_fits_the_cause():
    missing = translate(OperationalError("SELECT", None, Exception("no such table: jobs")))
    assert "db upgrade" in str(missing)
