"""Jobs and money together: whatever happens in whatever order, a job is paid once or not at all.

A state machine does random steps and knows what must come of them; then threads do so at once.
"""

from __future__ import annotations

import atexit
import collections
import random
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
import sqlalchemy as sa
from hypothesis import settings
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)

from ltxserve.credits import ledger
from ltxserve.db.database import Database
from ltxserve.db.tables import jobs
from ltxserve.db.tables import ledger as entries
from ltxserve.errors import InsufficientCredits
from ltxserve.jobs import store
from ltxserve.jobs.rows import NewJob, Outcome
from ltxserve.jobs.states import TERMINAL, JobState
from tests.threads import together

ME = "local"
PAID = {JobState.SUCCEEDED: "settle", JobState.FAILED: "release", JobState.CANCELLED: "release"}


class Crash(Exception):  # noqa: N818 - what it stands for
    """The process dies before its transaction is committed."""


def submit(conn: sa.Connection, price: int, key: str | None) -> str:
    """What submitting does: the job and its hold, or neither."""
    new = NewJob(ME, {}, price, "table", idempotency_key=key, request_hash=key)
    job = store.insert(conn, new)
    if job.id == new.id:
        ledger.hold(conn, ME, job.id, price)
    return job.id


def end(conn: sa.Connection, job_id: str, attempt: int | None, how: JobState) -> bool:
    """What finishing does: the state and the money, or neither."""
    if how is JobState.SUCCEEDED:
        won = store.succeed(conn, job_id, attempt or 0, Outcome({}))
    elif how is JobState.FAILED:
        won = store.fail(conn, job_id, attempt, {"code": "generation_failed"})
    else:
        won = store.cancel(conn, job_id, attempt)
    if won:
        moved = (ledger.settle if how is JobState.SUCCEEDED else ledger.release)(conn, job_id)
        assert moved, "the state said that nothing was paid yet"
    return won


def check(database: Database) -> int:
    """The books are right: each balance is a sum, each job has the entries of its state."""
    with database.read() as conn:
        assert ledger.imbalances(conn) == []
        found: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
        moved: dict[str, int] = collections.defaultdict(int)
        query = sa.select(entries.c.job_id, entries.c.kind, entries.c.amount)
        for job_id, kind, amount in conn.execute(query.where(entries.c.job_id.is_not(None))):
            found[job_id][kind] += 1
            moved[job_id] += amount
        for job_id, state, price in conn.execute(sa.select(jobs.c.id, jobs.c.state, jobs.c.price)):
            ends = [PAID[JobState(state)]] if JobState(state) in TERMINAL else []
            assert found.pop(job_id) == collections.Counter(["hold", *ends])
            assert moved[job_id] == (0 if ends == ["release"] else -price)
        assert not found, "money was held for a job that is not there"
        return ledger.balance(conn, ME)


@dataclass
class Known:
    """What the test knows of a job."""

    price: int
    state: JobState = JobState.QUEUED
    attempt: int = 0


class Books(RuleBasedStateMachine):
    """Random steps, and the balance that must come of them."""

    made = Bundle("made")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="ltxserve-books-"))
        shutil.copy(template(), self.folder / "books.db")
        self.database = Database(f"sqlite:///{self.folder / 'books.db'}")
        self.balance = 0
        self.known: dict[str, Known] = {}
        self.keys: dict[str, str] = {}

    def teardown(self) -> None:
        self.database.close()
        shutil.rmtree(self.folder)

    @initialize(target=made, price=st.integers(0, 60))
    def begin(self, price: int) -> Any:
        self.top_up(100)
        return self.submit(price, None)

    @rule(amount=st.integers(1, 100))
    def top_up(self, amount: int) -> None:
        with self.database.begin() as conn:
            ledger.top_up(conn, ME, amount)
        self.balance += amount

    # Few jobs, so that much happens to each of them.
    @precondition(lambda self: len(self.known) < 3)
    @rule(target=made, price=st.integers(0, 60), key=st.none() | st.sampled_from("ab"))
    def submit(self, price: int, key: str | None) -> Any:
        if price > self.balance and key not in self.keys:
            with pytest.raises(InsufficientCredits) as refusal, self.database.begin() as conn:
                submit(conn, price, key)
            assert refusal.value.balance == self.balance
            return multiple()
        with self.database.begin() as conn:
            job_id = submit(conn, price, key)
        if key in self.keys:
            assert job_id == self.keys[key]
            return job_id
        assert job_id not in self.known
        self.known[job_id] = Known(price)
        self.balance -= price
        if key is not None:
            self.keys[key] = job_id
        return job_id

    @rule(job_id=made)
    def claim(self, job_id: str) -> None:
        job = self.known[job_id]
        with self.database.begin() as conn:
            claimed = store.claim(conn, job_id, "worker")
        if job.state in TERMINAL:
            assert claimed is None
            return
        job.attempt += 1
        job.state = JobState.RUNNING
        assert claimed is not None
        assert claimed.attempt == job.attempt

    @rule(
        job_id=made,
        how=st.sampled_from(sorted(TERMINAL)),
        behind=st.sampled_from([0, 0, 0, 0, 1, 2]),
        dies=st.sampled_from([False, False, False, True]),
    )
    def end(self, job_id: str, how: JobState, behind: int, dies: bool) -> None:
        """By the newest attempt or by one that was overtaken; sometimes it dies before commit."""
        job = self.known[job_id]
        attempt = job.attempt - behind
        try:
            with self.database.begin() as conn:
                won = end(conn, job_id, attempt, how)
                if dies:
                    raise Crash
        except Crash:
            return
        ready = {JobState.RUNNING} if how is JobState.SUCCEEDED else set(JobState) - TERMINAL
        assert won == (behind == 0 and job.state in ready)
        if won:
            job.state = how
            self.balance += 0 if how is JobState.SUCCEEDED else job.price
        if job.state in TERMINAL:
            self.nothing_follows(job_id)

    @rule(job_id=made)
    def hand_back(self, job_id: str) -> None:
        job = self.known[job_id]
        with self.database.begin() as conn:
            done = store.requeue(conn, job_id, job.attempt)
        assert done == (job.state is JobState.RUNNING)
        if done:
            job.state = JobState.QUEUED

    def nothing_follows(self, job_id: str) -> None:
        """A job that is over stays as it is, and so does its money, whoever asks for what."""
        attempt = self.known[job_id].attempt
        with self.database.begin() as conn:
            assert store.claim(conn, job_id, "late") is None
            assert not store.requeue(conn, job_id, attempt)
            assert not any(end(conn, job_id, attempt, how) for how in TERMINAL)
            assert not ledger.settle(conn, job_id)
            assert not ledger.release(conn, job_id)

    @invariant()
    def the_books_are_right(self) -> None:
        assert check(self.database) == self.balance


_TEMPLATE: list[Path] = []


def template() -> Path:
    """An empty database file, made once: upgrading one per example would take most of the time."""
    if not _TEMPLATE:
        folder = Path(tempfile.mkdtemp(prefix="ltxserve-books-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        database = Database(f"sqlite:///{folder / 'first.db'}")
        database.upgrade()
        database.backup(folder / "template.db")  # one file, nothing left in the WAL
        database.close()
        _TEMPLATE.append(folder / "template.db")
    return _TEMPLATE[0]


Books.TestCase.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
TestBooks = Books.TestCase


def test_threads_at_once_leave_the_books_right(database: Database):
    """Six threads submit, claim, end and overtake each other on the same few jobs."""
    with database.begin() as conn:
        ledger.top_up(conn, ME, 400)
    wins: list[str] = []

    def act(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(25):
            try:
                with database.begin() as conn:
                    job_id = submit(conn, chance.randrange(40), f"key-{chance.randrange(12)}")
                with database.begin() as conn:
                    claimed = store.claim(conn, job_id, f"worker-{seed}")
                attempt = claimed.attempt if claimed else chance.randrange(3)
                with database.begin() as conn:
                    if end(conn, job_id, attempt, chance.choice(sorted(TERMINAL))):
                        wins.append(job_id)
            except InsufficientCredits:
                continue

    together([lambda seed=seed: act(seed) for seed in range(6)])
    assert len(wins) == len(set(wins)) > 0
    assert 0 <= check(database) <= 400
