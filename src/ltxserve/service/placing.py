"""Puts judged and priced jobs into the queue: rows, holds and tickets in one transaction.

Knows no request: what a job is asked to do was settled before, by its kind's own use case.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import sqlalchemy as sa

from ltxserve.credits import ledger
from ltxserve.credits.pricing import Price
from ltxserve.db.database import Database
from ltxserve.db.ids import new_id
from ltxserve.errors import LimitReached
from ltxserve.jobs import events, store
from ltxserve.jobs.engine import Enqueuer, Ticket
from ltxserve.jobs.listing import counts
from ltxserve.jobs.rows import Job, Json, NewJob
from ltxserve.service.endings import BATCH
from ltxserve.service.signals import Signals
from ltxserve.service.submission import Submission

if TYPE_CHECKING:
    from ltxserve.accounts.accounts import Account

LANE = "generations"
"""The lane of everything that needs a worker, whatever its kind: they share the same slots."""
BODY = "job"


@dataclass(frozen=True)
class Order:
    """One job of a submission, judged and priced. request, plan: plain data."""

    kind: str
    request: Json
    price: Price
    plan: Json | None = None
    seed: int | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Placing:
    """Adds jobs; what it adds is there for the engine when the call returns, and not before."""

    database: Database
    enqueuer: Enqueuer
    signals: Signals

    def repeated(self, account: Account, submission: Submission) -> Job | None:
        """The first job of the submission's Idempotency-Key, or None.

        Raises Conflict `idempotency_conflict`.
        """
        key = submission.idempotency_key
        if key is None:
            return None
        with self.database.read() as conn:
            return store.repeated(conn, account.id, key, submission.fingerprint())

    def place(self, account: Account, submission: Submission, orders: Sequence[Order]) -> Job:
        """Add one job, or a batch of them with their parent, and hold what they cost.

        Raises InsufficientCredits, LimitReached `too_many_jobs`, Conflict `idempotency_conflict`.
        """
        news = [_new_job(account, submission, order) for order in orders]
        with self.database.begin() as conn:
            job, is_new = self._insert(conn, submission, news)
            if is_new:
                _check_room(conn, account)
        if is_new:
            self.signals.notify(job.id)
        return job

    def _insert(
        self, conn: sa.Connection, submission: Submission, news: Sequence[NewJob]
    ) -> tuple[Job, bool]:
        if not submission.is_batch:
            new = _keyed(news[0], submission)
            job = store.insert(conn, new)
            if job.id != new.id:
                return job, False
            self._begin(conn, job)
            return store.get(conn, job.id), True
        head = _keyed(_parent_of(submission, news), submission)
        parent = store.insert(conn, head)
        if parent.id != head.id:
            return parent, False
        events.append(conn, parent.id, "queued", {"children": [new.id for new in news]})
        for new in news:
            self._begin(conn, store.insert(conn, replace(new, parent_id=parent.id)))
        return store.get(conn, parent.id), True

    def _begin(self, conn: sa.Connection, job: Job) -> None:
        ledger.hold(conn, job.account_id, job.id, job.price)
        events.append(conn, job.id, "queued", {"price": job.price})
        self.enqueuer.enqueue(conn, ticket_of(job))


class Digests(Protocol):
    """Knows the content of uploads; see `Sources`."""

    def digests(self, account: Account, request: Json) -> dict[str, str]: ...


def recognizable(account: Account, submission: Submission, sources: Digests) -> Submission:
    """The submission with what it takes to know it again by its Idempotency-Key, if it has one."""
    if submission.idempotency_key is None:
        return submission
    return replace(submission, digests=sources.digests(account, dict(submission.request)))


def ticket_of(job: Job, run_id: str | None = None, delay_seconds: float = 0.0) -> Ticket:
    """What makes the engine run the job; another run_id than the job's own = once more."""
    return Ticket(LANE, BODY, job.id, job.account_id, job.priority, delay_seconds, run_id or job.id)


def _check_room(conn: sa.Connection, account: Account) -> None:
    # The hold before has locked the account's row, so two submissions cannot both be the last.
    if counts(conn, account.id).queued > account.max_queued:
        raise LimitReached(
            "too_many_jobs",
            f"At most {account.max_queued} jobs of an account may wait at one time.",
            "Submit again when some of them are done.",
        )


def _keyed(new: NewJob, submission: Submission) -> NewJob:
    if submission.idempotency_key is None:
        return new
    fingerprint = submission.fingerprint()
    return replace(new, idempotency_key=submission.idempotency_key, request_hash=fingerprint)


def _new_job(account: Account, submission: Submission, order: Order) -> NewJob:
    notes: dict[str, Any] | None = None
    if submission.metadata is not None:
        notes = dict(submission.metadata)
    return NewJob(
        account_id=account.id,
        request=order.request,
        price=order.price.credits,
        price_list=order.price.price_list,
        plan=order.plan,
        kind=order.kind,
        dialect=submission.dialect,
        seed=order.seed,
        warnings=[*submission.warnings, *order.warnings],
        priority=account.priority + submission.priority,
        webhook_url=submission.webhook_url,
        metadata=notes,
        timeout_seconds=submission.timeout_seconds,
    )


def _parent_of(submission: Submission, children: Sequence[NewJob]) -> NewJob:
    """A batch: it never runs, costs nothing itself and shows the sum of its jobs' prices."""
    asked = {**children[0].request, "count": submission.count, "prompts": list(submission.prompts)}
    return replace(
        children[0],
        id=new_id(),
        kind=BATCH,
        request=asked,
        plan=None,
        seed=None,
        price=sum(child.price for child in children),
    )
