"""Jobs that make clips, as callers see them: quote, submit, get, list, cancel, delete, events.

Knows no HTTP, no worker and no model; another account's job does not exist here.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from ltxserve.catalog import Catalog
from ltxserve.credits import ledger
from ltxserve.credits.pricing import price_of
from ltxserve.db.database import Database
from ltxserve.db.tables import artifacts
from ltxserve.engine.plan import Plan, read_request
from ltxserve.engine.plan import plan as plan_of
from ltxserve.engine.settle import Eyes, settle
from ltxserve.errors import Conflict, InsufficientCredits, NotFound, Problem, RequestRefused
from ltxserve.jobs import events, store, webhooks
from ltxserve.jobs.events import Event
from ltxserve.jobs.listing import JobFilter, Page, list_jobs, queue_position
from ltxserve.jobs.rows import Job, Json
from ltxserve.jobs.states import JobState
from ltxserve.jobs.webhooks import Delivery
from ltxserve.media.fetch import is_url
from ltxserve.service.endings import BATCH, Endings
from ltxserve.service.looking import Looking
from ltxserve.service.placing import Order, Placing, recognizable
from ltxserve.service.signals import Signals
from ltxserve.service.sources import FAMILIES, Sources, lora_paths, sources_of
from ltxserve.service.submission import Quote, Submission, check
from ltxserve.storage.base import ArtifactStore, Stored

if TYPE_CHECKING:
    from ltxserve.accounts.accounts import Account

KIND = "generation"
_SOURCE_HEAD = 200


@dataclass(frozen=True)
class Generations:
    """The use cases; every method may be called from any thread, none of them waits for a run."""

    database: Database
    placing: Placing
    catalog: Catalog
    store: ArtifactStore
    sources: Sources
    endings: Endings
    signals: Signals

    def quote(self, account: Account, submission: Submission) -> Quote:
        """What it would cost and run. Fetches nothing; uploads and finished jobs are looked at.

        Raises RequestRefused with every problem.
        """
        shown = _unfetched(submission.request)
        own = _own_ways(submission.request)
        if own:
            shown |= self.sources.settle(account, own)
        judged = self._orders(account, replace(submission, request=shown))
        with self.database.read() as conn:
            balance = ledger.balance(conn, account.id)
        plan, first = judged[0]
        lines = [line for _, order in judged for line in order.price.lines]
        total = sum(order.price.credits for _, order in judged)
        return Quote(plan, first.price, balance, len(judged), total, tuple(lines))

    def submit(self, account: Account, submission: Submission) -> Job:
        """Queue a job, or a batch of them, and hold what it costs.

        Raises RequestRefused, InsufficientCredits, LimitReached `too_many_jobs`, Conflict
        `idempotency_conflict`, and what the sources raise.
        """
        check(submission)
        submission = recognizable(account, submission, self.sources)
        # Before any source is fetched again.
        first = self.placing.repeated(account, submission)
        if first is not None:
            return first
        asked = dict(submission.request)
        if any(sources_of(asked)) or lora_paths(asked):
            # What planning refuses, or the account cannot pay, is not worth a fetch.
            quote = self.quote(account, submission)
            # The length of a clip made from a video that is not here yet is not known yet.
            if not quote.affordable and not any(map(submission.request.get, FAMILIES)):
                raise InsufficientCredits(quote.credits, quote.balance)
        settled = self.sources.settle(account, asked)
        judged = self._orders(account, replace(submission, request=settled))
        return self.placing.place(account, submission, [order for _, order in judged])

    def get(self, account: Account, job_id: str) -> Job:
        """The job. Raises NotFound `job_not_found`, also for another account's."""
        with self.database.read() as conn:
            return store.get(conn, job_id, account.id)

    def position(self, account: Account, job_id: str) -> int | None:
        """Its place among all that wait, 1 = next; None when it does not wait."""
        with self.database.read() as conn:
            store.get(conn, job_id, account.id)
            return queue_position(conn, job_id)

    def list(self, account: Account, which: JobFilter) -> Page:
        """One page of the account's jobs; batches are one entry unless a parent is asked for."""
        with self.database.read() as conn:
            return list_jobs(conn, replace(which, account_id=account.id))

    def children(self, account: Account, job_id: str) -> tuple[Job, ...]:
        """The jobs of a batch, in the order in which they were asked for."""
        self.get(account, job_id)
        with self.database.read() as conn:
            which = JobFilter(account_id=account.id, parent_id=job_id, ascending=True, limit=100)
            return list_jobs(conn, which).jobs

    def cancel(self, account: Account, job_id: str) -> Job:
        """End it at once while it waits, within one step while it runs; a job that is over stays.

        Costs nothing. A batch takes its jobs with it.
        """
        job = self.get(account, job_id)
        if job.kind == BATCH:
            for child in self.children(account, job_id):
                self._cancel(child.id)
        self._cancel(job_id)
        return self.get(account, job_id)

    def delete(self, account: Account, job_id: str) -> None:
        """Remove a job that is over, with its files; a waiting one is cancelled first.

        Raises Conflict `job_not_finished` for a running one.
        """
        job = self.cancel(account, job_id) if self._waits(account, job_id) else None
        job = job or self.get(account, job_id)
        family = [*self.children(account, job_id), job] if job.kind == BATCH else [job]
        if not all(one.is_terminal for one in family):
            hint = "Cancel it first, and delete it when it is cancelled."
            raise Conflict("job_not_finished", "The job is still running.", hint, "id")
        for one in family:
            self.remove_files(one.id)
            with self.database.begin() as conn:
                store.delete(conn, one.id)

    def events(self, account: Account, job_id: str, after: int = 0) -> list[Event]:
        """What happened to the job after event number `after`, in order."""
        with self.database.read() as conn:
            store.get(conn, job_id, account.id)
            return events.read(conn, job_id, after)

    def artifact(self, account: Account, job_id: str, name: str = "video") -> Stored:
        """Where a file of the result is: video, thumbnail, preview or audio.

        Raises Conflict `not_ready` before the job has succeeded, NotFound `file_not_found` for a
        file that it does not have, or has no more.
        """
        job = self.get(account, job_id)
        if job.state is not JobState.SUCCEEDED:
            hint = "Wait until its state is succeeded." if not job.is_terminal else ""
            raise Conflict("not_ready", f"The job is {job.state}.", hint, "id")
        files = (job.result or {}).get("artifacts", {})
        if name not in files:
            have = ", ".join(sorted(files)) or "none: they have expired"
            raise NotFound("file_not_found", f"The job has no {name}.", f"It has: {have}.", "name")
        file = files[name]
        return Stored(file["key"], file["bytes"], file["media_type"], file["sha256"])

    def deliveries(self, account: Account, job_id: str | None = None) -> list[Delivery]:
        """The log of the account's webhooks, newest first."""
        with self.database.read() as conn:
            return webhooks.deliveries(conn, account.id, job_id)

    def remove_files(self, job_id: str) -> None:
        """Remove what the store keeps of a job; its row forgets the result.

        Where the store does not let go of a file, the job stays due for the next round.
        """
        with self.database.read() as conn:
            query = sa.select(artifacts.c.id, artifacts.c.key).where(
                artifacts.c.job_id == job_id, artifacts.c.deleted_at.is_(None)
            )
            found = conn.execute(query).all()
        # The row first: a file that is offered must be there, one too many harms nobody.
        with self.database.begin() as conn:
            store.forget_result(conn, job_id)
        for _, key in found:
            self.store.delete(key)
        with self.database.begin() as conn:
            gone = sa.update(artifacts).where(artifacts.c.id.in_([row.id for row in found]))
            conn.execute(gone.values(deleted_at=time.time()))
            store.set_expiry(conn, job_id, None)

    def _orders(self, account: Account, submission: Submission) -> list[tuple[Plan, Order]]:
        check(submission)
        eyes = Looking(self.store).eyes
        judged: list[tuple[Plan, Order]] = []
        problems: dict[Problem, None] = {}
        for asked in submission.requests():
            problems |= dict.fromkeys(lora_paths(asked))
            try:
                judged.append(self._order(account, asked, eyes))
            except RequestRefused as error:
                problems |= dict.fromkeys(error.problems)
        if problems:
            raise RequestRefused(problems)
        return judged

    def _order(self, account: Account, asked: Json, eyes: Eyes) -> tuple[Plan, Order]:
        request = settle(read_request(asked, self.catalog), self.catalog, eyes)
        plan = plan_of(request, self.catalog)
        price = price_of(plan, account.price_list, self.catalog)
        shown = request.model_dump(mode="json", exclude_defaults=True)
        return plan, Order(KIND, shown, price, plan.to_dict(), plan.seed, plan.warnings)

    def _waits(self, account: Account, job_id: str) -> bool:
        return self.get(account, job_id).state is JobState.QUEUED

    def _cancel(self, job_id: str) -> None:
        with self.database.begin() as conn:
            job = store.request_cancel(conn, job_id)
            if job.state is JobState.QUEUED and job.kind != BATCH:
                self.endings.cancel(conn, job)
        self.signals.notify(job.id, job.parent_id)


def _unfetched(request: Mapping[str, Any]) -> Json:
    """The request as a quote judges it: what is inside a source costs nothing and is not read."""
    shown = copy.deepcopy(dict(request))
    for _, part in sources_of(shown):
        if not is_url(part["source"]):
            part["source"] = part["source"].partition(",")[0][:_SOURCE_HEAD] + ","
    return shown


def _own_ways(request: Mapping[str, Any]) -> Json:
    """What a clip is made from as far as it is here: ids of uploads and jobs, no URL, no data."""
    parts = {name: part for name, part in request.items() if name in FAMILIES}
    return {
        name.partition(".")[0]: copy.deepcopy(part)
        for name, part in sources_of(parts)
        if not is_url(part["source"])
        and part["source"][:5].lower() != "data:"
        and len(part["source"]) <= _SOURCE_HEAD
    }
