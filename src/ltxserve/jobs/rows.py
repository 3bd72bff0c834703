"""What a job is: one frozen record per row, what is needed to add one; knows no query."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from ltxserve.db.ids import new_id
from ltxserve.jobs.states import TERMINAL, JobState

Json = dict[str, Any]


@dataclass(frozen=True)
class Job:
    """A row of the table jobs; times are seconds UTC, price is whole credits.

    attempt: how often the job was claimed; 0 = never. Only the newest attempt may change it.
    progress: {"stage", "step", "of", ...} of the newest attempt.
    error: {"code", "message", "hint"} of a failed job.
    result: {"artifacts": {name: {"key", "media_type", "bytes", "sha256"}}, "width", ...}.
    """

    id: str
    account_id: str
    kind: str
    parent_id: str | None
    dialect: str
    state: JobState
    stage: str | None
    request: Json
    plan: Json | None
    price: int
    price_list: str
    progress: Json | None
    seed: int | None
    timings: Json | None
    warnings: list[str] | None
    error: Json | None
    result: Json | None
    worker: str | None
    attempt: int
    priority: int
    idempotency_key: str | None
    request_hash: str | None
    cancel_requested: bool
    webhook_url: str | None
    metadata: Json | None
    created_at: float
    started_at: float | None
    finished_at: float | None
    expires_at: float | None
    timeout_seconds: float | None
    last_event: int

    @property
    def is_terminal(self) -> bool:
        """Whether the job is over."""
        return self.state in TERMINAL


COLUMNS = tuple(item.name for item in dataclasses.fields(Job))


@dataclass(frozen=True)
class NewJob:
    """A job to add: queued, never claimed. priority: higher is sooner, within one account.

    kind: "generation", "stitch", or "batch" for a parent that only groups its children.
    request_hash: words; a request that has one of them is the same request.
    """

    account_id: str
    request: Json
    price: int
    price_list: str
    plan: Json | None = None
    kind: str = "generation"
    dialect: str = "native"
    parent_id: str | None = None
    seed: int | None = None
    warnings: list[str] | None = None
    priority: int = 0
    idempotency_key: str | None = None
    request_hash: str | None = None
    webhook_url: str | None = None
    metadata: Json | None = None
    expires_at: float | None = None
    timeout_seconds: float | None = None
    id: str = field(default_factory=new_id)


@dataclass(frozen=True)
class Outcome:
    """What a finished run adds to its job; fields that are None leave the row as it is.

    price: where it came out lower than what was held.
    """

    result: Json
    seed: int | None = None
    timings: Json | None = None
    warnings: list[str] | None = None
    plan: Json | None = None
    expires_at: float | None = None
    price: int | None = None
