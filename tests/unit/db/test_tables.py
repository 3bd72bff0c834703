"""The tables hold the line where code could be wrong: money and states."""

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from ltxserve.db.database import Database
from ltxserve.db.tables import accounts, ledger, metadata

ENTRY = {"account_id": "local", "amount": 0, "created_at": 0.0}
TWICE = {
    "held": [("h1", "j", "hold"), ("h2", "j", "hold")],
    "settled": [("s1", "j", "settle"), ("s2", "j", "settle")],
    "settled and released": [("s", "j", "settle"), ("r", "j", "release")],
}


@pytest.mark.parametrize("what", TWICE)
def test_no_job_moves_money_twice(database: Database, what: str):
    first, second = [{**ENTRY, "id": i, "job_id": j, "kind": k} for i, j, k in TWICE[what]]
    with database.begin() as conn:
        conn.execute(ledger.insert().values(first))
    with pytest.raises(IntegrityError), database.begin() as conn:
        conn.execute(ledger.insert().values(second))


WRONG = {
    "unknown kind": {"id": "1", "job_id": "j", "kind": "gift"},
    "hold of no job": {"id": "1", "job_id": None, "kind": "hold"},
    "nobody's money": {"id": "1", "job_id": "j", "kind": "hold", "account_id": "nobody"},
}


@pytest.mark.parametrize("what", WRONG)
def test_entries_that_make_no_sense_are_refused(database: Database, what: str):
    with pytest.raises(IntegrityError), database.begin() as conn:
        conn.execute(ledger.insert().values({**ENTRY, **WRONG[what]}))


def test_no_account_owes(database: Database):
    with pytest.raises(IntegrityError), database.begin() as conn:
        conn.execute(sa.update(accounts).values(balance=-1))


def test_the_tables_that_others_name_are_there():
    assert set(metadata.tables) == {
        "accounts",
        "api_keys",
        "artifacts",
        "job_events",
        "jobs",
        "ledger",
        "uploads",
        "webhook_deliveries",
    }
