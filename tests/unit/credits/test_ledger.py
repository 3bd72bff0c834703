"""The ledger: what comes in, is set aside, is spent or goes back; each once."""

from typing import Any

import pytest

from ltxserve.credits import ledger
from ltxserve.db.database import Database
from ltxserve.errors import InsufficientCredits, NotFound, RequestRefused
from tests.threads import together

ME = "local"


def filled(database: Database, amount: int = 100) -> None:
    with database.begin() as conn:
        ledger.top_up(conn, ME, amount, "start")


def state(database: Database) -> tuple[int, list[tuple[str, int]]]:
    """The balance, and the movements of jobs in order."""
    with database.read() as conn:
        assert ledger.imbalances(conn) == []
        moves = [(e.kind, e.amount) for e in ledger.entries(conn, ME) if e.job_id]
        return ledger.balance(conn, ME), moves[::-1]


def test_a_job_that_succeeds_is_paid(database: Database):
    filled(database)
    with database.begin() as conn:
        ledger.hold(conn, ME, "job", 30)
        assert ledger.balance(conn, ME) == 70
        assert ledger.settle(conn, "job")
    assert state(database) == (70, [("hold", -30), ("settle", 0)])


def test_a_job_that_fails_costs_nothing(database: Database):
    filled(database)
    with database.begin() as conn:
        ledger.hold(conn, ME, "job", 30)
        assert ledger.release(conn, "job")
    assert state(database) == (100, [("hold", -30), ("release", 30)])


def test_nothing_happens_twice(database: Database):
    filled(database)
    with database.begin() as conn:
        for _ in range(2):
            ledger.hold(conn, ME, "paid", 30)
            ledger.hold(conn, ME, "failed", 20)
        assert [ledger.settle(conn, "paid") for _ in range(2)] == [True, False]
        assert [ledger.release(conn, "failed") for _ in range(2)] == [True, False]
        assert not ledger.release(conn, "paid")
        assert not ledger.settle(conn, "failed")
    assert state(database)[0] == 70


def test_a_hold_that_is_there_survives_an_empty_account(database: Database):
    filled(database, 30)
    with database.begin() as conn:
        ledger.hold(conn, ME, "job", 30)
        ledger.hold(conn, ME, "job", 30)
    assert state(database) == (0, [("hold", -30)])


def test_what_was_never_held_cannot_end(database: Database):
    with database.begin() as conn:
        assert not ledger.settle(conn, "ghost")
        assert not ledger.release(conn, "ghost")
        assert not ledger.refund(conn, "ghost")


def test_only_what_was_paid_is_refunded_and_once(database: Database):
    filled(database)
    with database.begin() as conn:
        ledger.hold(conn, ME, "job", 30)
        assert not ledger.refund(conn, "job")
        ledger.settle(conn, "job")
        assert ledger.refund(conn, "job", "ticket 12")
        assert not ledger.refund(conn, "job", "ticket 13")
    assert state(database) == (100, [("hold", -30), ("settle", 0), ("refund", 30)])


def test_too_little_is_refused_and_changes_nothing(database: Database):
    filled(database, 29)
    with pytest.raises(InsufficientCredits) as refusal, database.begin() as conn:
        ledger.hold(conn, ME, "job", 30)
    said = refusal.value.to_dict()
    assert (said["code"], said["price"], said["balance"]) == ("insufficient_credits", 30, 29)
    assert state(database) == (29, [])


def test_a_free_job_leaves_its_trace(database: Database):
    with database.begin() as conn:
        ledger.hold(conn, ME, "job", 0)
        assert ledger.settle(conn, "job")
    assert state(database) == (0, [("hold", 0), ("settle", 0)])


def test_a_reference_counts_once(database: Database):
    with database.begin() as conn:
        first = ledger.top_up(conn, ME, 50, "invoice 7")
        again = ledger.top_up(conn, ME, 50, "invoice 7")
        ledger.top_up(conn, ME, 5)
        ledger.top_up(conn, ME, 5)
    assert first == again
    assert state(database)[0] == 60


@pytest.mark.parametrize("amount", [0, -1, 10**12 + 1])
def test_amounts_that_make_no_sense_are_refused(database: Database, amount: int):
    with pytest.raises(RequestRefused) as refusal, database.begin() as conn:
        ledger.top_up(conn, ME, amount)
    assert refusal.value.problems[0].field == "amount"


def test_a_hold_is_never_negative(sqlite: Database):
    with pytest.raises(ValueError, match="negative"), sqlite.begin() as conn:
        ledger.hold(conn, ME, "job", -1)


def test_unknown_accounts_are_said(database: Database):
    steps: list[Any] = [
        lambda conn: ledger.balance(conn, "nobody"),
        lambda conn: ledger.top_up(conn, "nobody", 5),
        lambda conn: ledger.hold(conn, "nobody", "job", 5),
    ]
    for step in steps:
        with pytest.raises(NotFound) as refusal, database.begin() as conn:
            step(conn)
        assert refusal.value.code == "account_not_found"


def test_threads_never_spend_the_same_credits(database: Database):
    filled(database, 100)
    outcomes: list[str] = []

    def spend(job: str) -> None:
        try:
            with database.begin() as conn:
                ledger.hold(conn, ME, job, 30)
            outcomes.append("held")
        except InsufficientCredits:
            outcomes.append("short")

    together([lambda n=n: spend(f"job-{n}") for n in range(8)])
    assert sorted(outcomes) == ["held"] * 3 + ["short"] * 5
    assert state(database)[0] == 10


def test_threads_that_end_a_hold_have_one_winner(database: Database):
    filled(database)
    with database.begin() as conn:
        ledger.hold(conn, ME, "job", 30)
    won: list[str] = []

    def end(how: str) -> None:
        with database.begin() as conn:
            if {"settle": ledger.settle, "release": ledger.release}[how](conn, "job"):
                won.append(how)

    together([lambda how=how: end(how) for how in ("settle", "release") * 4])
    assert len(won) == 1
    assert state(database)[0] == (70 if won == ["settle"] else 100)


def test_threads_with_one_reference_top_up_once(database: Database):
    def top_up() -> None:
        with database.begin() as conn:
            ledger.top_up(conn, ME, 10, "invoice 9")

    together([top_up] * 6)
    assert state(database)[0] == 10


def test_an_imbalance_is_found(database: Database):
    from ltxserve.db.tables import accounts

    filled(database, 5)
    with database.begin() as conn:
        conn.execute(accounts.update().values(balance=6))
        assert ledger.imbalances(conn) == [ledger.Imbalance(ME, 6, 5)]


def test_what_was_not_needed_goes_back_when_the_job_is_paid(database: Database):
    filled(database)
    with database.begin() as conn:
        ledger.hold(conn, ME, "job", 30)
        assert [ledger.settle(conn, "job", back=12) for _ in range(2)] == [True, False]
        assert not ledger.release(conn, "job")
    assert state(database) == (82, [("hold", -30), ("settle", 12)])
    with database.begin() as conn:
        assert ledger.refund(conn, "job")
    assert state(database) == (100, [("hold", -30), ("settle", 12), ("refund", 18)])


@pytest.mark.parametrize("back", [-1, 31])
def test_no_more_goes_back_than_was_held(database: Database, back: int):
    filled(database)
    with database.begin() as conn:
        ledger.hold(conn, ME, "job", 30)
        with pytest.raises(ValueError, match="30 held"):
            ledger.settle(conn, "job", back)
    assert state(database) == (70, [("hold", -30)])
