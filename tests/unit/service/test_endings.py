"""A job's end and its money are one: one winner, paid once or given back once, parents closed."""

from dataclasses import replace

import pytest

from ltxserve.accounts.accounts import Account, NewAccount, create_account
from ltxserve.credits import ledger
from ltxserve.credits.pricing import Price
from ltxserve.db.database import Database
from ltxserve.jobs import events, store, webhooks
from ltxserve.jobs.engine import Enqueuer, migrate
from ltxserve.jobs.listing import JobFilter, list_jobs
from ltxserve.jobs.rows import Job, Outcome
from ltxserve.jobs.states import JobState
from ltxserve.service.endings import Endings
from ltxserve.service.placing import Order, Placing
from ltxserve.service.signals import Signals
from ltxserve.service.submission import Submission

ORDER = Order("generation", {"prompt": "p"}, Price(10, "table", ()))
FILE = {"media_type": "video/mp4", "bytes": 3, "sha256": "00"}
ERROR = {"code": "generation_failed", "message": "no", "hint": ""}


class Desk:
    """An account with 100 credits, and what ends its jobs."""

    def __init__(self, database: Database) -> None:
        migrate(database)
        self.database = database
        self.enqueuer = Enqueuer(database)
        self.endings = Endings(self.enqueuer, keep_seconds=60.0)
        self.placing = Placing(database, self.enqueuer, Signals())
        with database.begin() as conn:
            self.account: Account = create_account(conn, NewAccount("a"))
            ledger.top_up(conn, self.account.id, 100)

    def place(self, count: int = 1, webhook_url: str | None = None) -> Job:
        asked = Submission({"prompt": "p"}, count=count, webhook_url=webhook_url)
        return self.placing.place(self.account, asked, [ORDER] * count)

    def claim(self, job: Job) -> Job:
        with self.database.begin() as conn:
            claimed = store.claim(conn, job.id, "w")
            assert claimed is not None
            self.endings.begin_parent(conn, job.parent_id)
            return claimed

    def end(self, job: Job, how: str, attempt: int | None = None) -> bool:
        with self.database.begin() as conn:
            if how == "succeed":
                files = {"video": {**FILE, "key": f"a/{job.id}/1/video.mp4"}}
                return self.endings.succeed(conn, job, Outcome({"artifacts": files}))
            if how == "fail":
                return self.endings.fail(conn, job, ERROR, attempt)
            return self.endings.cancel(conn, job, attempt)

    def now(self, job: Job) -> Job:
        with self.database.read() as conn:
            return store.get(conn, job.id)

    def children(self, job: Job) -> tuple[Job, ...]:
        with self.database.read() as conn:
            return list_jobs(conn, JobFilter(parent_id=job.id, ascending=True)).jobs

    def balance(self) -> int:
        with self.database.read() as conn:
            assert ledger.imbalances(conn) == []
            return ledger.balance(conn, self.account.id)

    def kinds(self, job: Job) -> list[str]:
        with self.database.read() as conn:
            return [event.kind for event in events.read(conn, job.id)]


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


@pytest.mark.parametrize(
    ("how", "state", "balance"),
    [
        ("succeed", JobState.SUCCEEDED, 90),
        ("fail", JobState.FAILED, 100),
        ("cancel", JobState.CANCELLED, 100),
    ],
)
def test_one_end_with_its_money(desk: Desk, how: str, state: JobState, balance: int) -> None:
    job = desk.claim(desk.place())
    assert desk.balance() == 90
    assert desk.end(job, how)
    for again in ("succeed", "fail", "cancel"):
        assert not desk.end(job, again)
    now = desk.now(job)
    assert now.state is state
    assert desk.balance() == balance
    assert desk.kinds(job) == ["queued", state]


def test_a_success_keeps_its_files_for_a_while_and_tells_no_key(desk: Desk) -> None:
    job = desk.claim(desk.place())
    desk.end(job, "succeed")
    now = desk.now(job)
    assert now.finished_at is not None
    assert now.expires_at == pytest.approx(now.finished_at + 60, abs=5)
    assert (now.progress or {})["percent"] == 100.0
    with desk.database.read() as conn:
        last = events.read(conn, job.id)[-1]
    assert last.data["result"]["artifacts"] == {"video": FILE}


def test_an_old_attempt_ends_nothing(desk: Desk) -> None:
    old = desk.claim(desk.place())
    desk.claim(old)
    assert not desk.end(old, "succeed")
    assert not desk.end(old, "fail", old.attempt)
    assert not desk.end(old, "cancel", old.attempt)
    assert desk.now(old).state is JobState.RUNNING
    assert desk.balance() == 90


def test_a_batch_runs_with_its_first_job_and_ends_with_its_last(desk: Desk) -> None:
    parent = desk.place(count=3)
    first, second, third = desk.children(parent)
    assert desk.balance() == 70
    desk.claim(first)
    assert desk.now(parent).state is JobState.RUNNING
    desk.end(desk.now(first), "succeed")
    desk.end(second, "cancel")
    now = desk.now(parent)
    assert (now.state, (now.progress or {})["step"]) == (JobState.RUNNING, 2)
    desk.end(desk.claim(third), "fail")
    now = desk.now(parent)
    assert now.state is JobState.SUCCEEDED
    assert now.result == {"children": {"succeeded": 1, "failed": 1, "cancelled": 1}}
    assert desk.balance() == 90


@pytest.mark.parametrize(
    ("ends", "state"),
    [
        (("cancel", "cancel"), JobState.CANCELLED),
        (("cancel", "fail"), JobState.FAILED),
    ],
)
def test_a_batch_without_a_success(desk: Desk, ends: tuple[str, ...], state: JobState) -> None:
    parent = desk.place(count=2)
    for child, how in zip(desk.children(parent), ends, strict=True):
        desk.end(child, how)
    now = desk.now(parent)
    assert now.state is state
    assert (now.error or {}).get("code") == ("batch_failed" if state == "failed" else None)
    assert desk.balance() == 100


def test_a_batch_whose_cancel_came_too_late_has_succeeded(desk: Desk) -> None:
    parent = desk.place(count=2)
    with desk.database.begin() as conn:
        store.request_cancel(conn, parent.id)
    for child in desk.children(parent):
        desk.end(desk.claim(child), "succeed")
    assert desk.now(parent).state is JobState.SUCCEEDED


def test_an_end_is_told_to_the_webhook_of_the_job_and_of_its_batch(desk: Desk) -> None:
    parent = desk.place(count=2, webhook_url="https://example.org/hook")
    for child in desk.children(parent):
        desk.end(child, "cancel")
    with desk.database.read() as conn:
        told = webhooks.deliveries(conn, desk.account.id)
    assert sorted(delivery.event for delivery in told) == [
        "batch.cancelled",
        "generation.cancelled",
        "generation.cancelled",
    ]
    assert all(desk.enqueuer.live([f"webhook-{delivery.id}"]) for delivery in told)


def test_what_was_said_when_it_was_taken_stays_said(desk: Desk):
    asked = Submission({"prompt": "p"}, warnings=("Another model.",))
    order = replace(ORDER, warnings=("It is long.",))
    job = desk.claim(desk.placing.place(desk.account, asked, [order]))
    with desk.database.begin() as conn:
        outcome = Outcome({"artifacts": {}}, warnings=["It is long.", "No sound."])
        assert desk.endings.succeed(conn, job, outcome)
    assert desk.now(job).warnings == ["Another model.", "It is long.", "No sound."]
