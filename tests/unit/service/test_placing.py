"""Rows, holds and tickets exist together or not at all, on both databases."""

from typing import Any

import pytest

from ltxserve.accounts.accounts import Account, NewAccount, create_account
from ltxserve.credits import ledger
from ltxserve.credits.pricing import Price
from ltxserve.db.database import Database
from ltxserve.errors import Conflict, InsufficientCredits, LimitReached, LtxserveError
from ltxserve.jobs import events
from ltxserve.jobs.engine import Enqueuer, migrate
from ltxserve.jobs.listing import JobFilter, counts, list_jobs
from ltxserve.service.placing import Order, Placing, ticket_of
from ltxserve.service.signals import Signals
from ltxserve.service.submission import Submission
from tests.threads import together

ORDER = Order("generation", {"prompt": "p"}, Price(10, "table", ()), {"stages": []}, 7, ("w",))


@pytest.fixture
def placing(database: Database) -> Placing:
    migrate(database)
    return Placing(database, Enqueuer(database), Signals())


def account(database: Database, credit: int = 25, **more: Any) -> Account:
    with database.begin() as conn:
        made = create_account(conn, NewAccount("a", **more))
        if credit:
            ledger.top_up(conn, made.id, credit)
    return made


def test_a_job_its_hold_and_its_run(placing: Placing) -> None:
    payer = account(placing.database, priority=5)
    asked = Submission({"prompt": "p"}, priority=2, metadata={"k": 1}, warnings=("first",))
    job = placing.place(payer, asked, [ORDER])
    assert (job.price, job.priority, job.seed, job.metadata) == (10, 7, 7, {"k": 1})
    assert job.warnings == ["first", "w"]
    with placing.database.read() as conn:
        assert ledger.balance(conn, payer.id) == 15
        assert [event.kind for event in events.read(conn, job.id)] == ["queued"]
    assert placing.enqueuer.live([job.id]) == {job.id}
    assert ticket_of(job).priority == 7


def test_without_credits_there_is_no_trace(placing: Placing) -> None:
    payer = account(placing.database, credit=15)
    placing.place(payer, Submission({}), [ORDER])
    with pytest.raises(InsufficientCredits):
        placing.place(payer, Submission({}), [ORDER])
    with placing.database.read() as conn:
        assert counts(conn, payer.id).queued == 1
        assert ledger.balance(conn, payer.id) == 5


def test_a_batch_is_paid_whole_or_not_at_all(placing: Placing) -> None:
    payer = account(placing.database)
    batch = Submission({"prompt": "p"}, count=2)
    parent = placing.place(payer, batch, [ORDER, ORDER])
    with placing.database.read() as conn:
        children = list_jobs(conn, JobFilter(parent_id=parent.id)).jobs
        assert (parent.kind, parent.price, len(children)) == ("batch", 20, 2)
        assert ledger.balance(conn, payer.id) == 5
    with pytest.raises(InsufficientCredits):
        placing.place(payer, batch, [ORDER, ORDER])
    with placing.database.read() as conn:
        assert len(list_jobs(conn, JobFilter(account_id=payer.id)).jobs) == 3


def test_the_same_key_is_the_same_job(placing: Placing) -> None:
    payer = account(placing.database)
    keyed = Submission({"prompt": "p"}, idempotency_key="k")
    first = placing.place(payer, keyed, [ORDER])
    assert placing.place(payer, keyed, [ORDER]) == first
    assert placing.repeated(payer, keyed) == first
    with placing.database.read() as conn:
        assert ledger.balance(conn, payer.id) == 15
    other = Submission({"prompt": "other"}, idempotency_key="k")
    for ask in (
        lambda: placing.place(payer, other, [ORDER]),
        lambda: placing.repeated(payer, other),
    ):
        with pytest.raises(Conflict):
            ask()
    assert placing.repeated(payer, Submission({"prompt": "p"})) is None


def test_too_many_wait(placing: Placing) -> None:
    payer = account(placing.database, credit=1000, max_queued=3)
    placing.place(payer, Submission({}, count=2), [ORDER, ORDER])
    placing.place(payer, Submission({}), [ORDER])
    with pytest.raises(LimitReached) as refusal:
        placing.place(payer, Submission({}), [ORDER])
    assert refusal.value.code == "too_many_jobs"
    with placing.database.read() as conn:
        assert ledger.balance(conn, payer.id) == 970


def test_threads_cannot_pass_the_limit_or_the_balance(placing: Placing) -> None:
    payer = account(placing.database, credit=45, max_queued=6)
    refusals: list[str] = []

    def ask() -> None:
        try:
            placing.place(payer, Submission({}), [ORDER])
        except LtxserveError as error:
            refusals.append(error.code)

    together([ask] * 8)
    with placing.database.read() as conn:
        assert counts(conn, payer.id).queued == 4
        assert ledger.balance(conn, payer.id) == 5
        assert ledger.imbalances(conn) == []
    assert refusals == ["insufficient_credits"] * 4
