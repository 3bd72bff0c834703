"""Webhooks as rows: what is to be told to whom, each try logged, the next one enqueued.

Signed by Standard Webhooks. Knows no HTTP: who sends is given in, and does so safely.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from ltxserve.db.database import Database
from ltxserve.db.ids import new_id
from ltxserve.db.tables import accounts, webhook_deliveries
from ltxserve.errors import LtxserveError
from ltxserve.jobs.engine import Enqueuer, Step, Ticket
from ltxserve.jobs.rows import Job

LANE = "webhooks"
BODY = "webhook"
PAUSES = (5.0, 300.0, 1800.0, 7200.0, 18000.0, 36000.0, 50400.0)
"""Seconds before tries 2, 3, ...: what Standard Webhooks recommends, about 31 hours in all."""
_GONE = 410
_TOLD_IN_ERRORS = 300

Post = Callable[[str, bytes, Mapping[str, str]], int]
"""Sends a body with headers to a URL and returns the HTTP status; never to private addresses.
Raises LtxserveError where there is no answer."""


@dataclass(frozen=True)
class Delivery:
    """One row of the delivery log; times in seconds UTC."""

    id: str
    account_id: str
    job_id: str
    event: str
    url: str
    payload: dict[str, Any]
    state: str
    attempts: int
    next_attempt_at: float | None
    last_status: int | None
    last_error: str | None
    created_at: float
    delivered_at: float | None


def schedule(conn: sa.Connection, enqueuer: Enqueuer, job: Job) -> None:
    """Tell the job's webhook about its state, once per state; part of the caller's transaction."""
    delivery_id, now = new_id(), time.time()
    event = f"{job.kind}.{job.state}"
    conn.execute(
        webhook_deliveries.insert().values(
            id=delivery_id,
            account_id=job.account_id,
            job_id=job.id,
            event=event,
            url=job.webhook_url,
            payload=payload_of(job, event),
            state="pending",
            attempts=0,
            next_attempt_at=now,
            created_at=now,
        )
    )
    _enqueue(conn, enqueuer, delivery_id, job.account_id, 1, 0.0)


def payload_of(job: Job, event: str) -> dict[str, Any]:
    """What is sent: type, timestamp and data, as Standard Webhooks has it."""
    files = (job.result or {}).get("artifacts", {})
    data = {
        "id": job.id,
        "kind": job.kind,
        "state": job.state.value,
        "parent_id": job.parent_id,
        "metadata": job.metadata,
        "seed": job.seed,
        "price": job.price,
        "error": job.error,
        "artifacts": sorted(files),
        "created_at": _iso(job.created_at),
        "finished_at": _iso(job.finished_at),
    }
    return {"type": event, "timestamp": _iso(job.finished_at or time.time()), "data": data}


def deliveries(conn: sa.Connection, account_id: str, job_id: str | None = None) -> list[Delivery]:
    """The newest 100 deliveries of an account, newest first; the log that callers see."""
    table = webhook_deliveries
    query = sa.select(table).where(table.c.account_id == account_id)
    if job_id is not None:
        query = query.where(table.c.job_id == job_id)
    rows = conn.execute(query.order_by(table.c.id.desc()).limit(100))
    return [Delivery(**row._mapping) for row in rows]


def sign(secret: str, delivery_id: str, at: datetime, body: str) -> dict[str, str]:
    """The three headers by which the receiver knows us. secret: `whsec_` and base64."""
    from standardwebhooks.webhooks import Webhook

    return {
        "webhook-id": delivery_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(delivery_id, at, body),
    }


class Deliverer:
    """The body of the lane of webhooks: one try per run; a failed one enqueues the next."""

    def __init__(self, database: Database, enqueuer: Enqueuer, post: Post) -> None:
        self._database, self._enqueuer, self._post = database, enqueuer, post

    def run(self, argument: str, step: Step) -> str:
        """argument: the delivery's id. Returns the state it is in afterwards."""
        return step("try", lambda: self._try(argument))

    def _try(self, delivery_id: str) -> str:
        with self._database.read() as conn:
            found = _load(conn, delivery_id)
        if found is None or found[0].state != "pending":
            return "over"
        delivery, secret = found
        status, error = self._send(delivery, secret)
        with self._database.begin() as conn:
            return self._note(conn, delivery, status, error)

    def _send(self, delivery: Delivery, secret: str) -> tuple[int | None, str | None]:
        import json

        body = json.dumps(delivery.payload, separators=(",", ":"), ensure_ascii=False)
        headers = {"content-type": "application/json", "user-agent": "ltxserve-webhooks/1"}
        try:
            signed = sign(secret, delivery.id, datetime.now(UTC), body)
            return self._post(delivery.url, body.encode(), {**headers, **signed}), None
        except LtxserveError as error:
            return None, f"{error.code}: {error.message}"[:_TOLD_IN_ERRORS]
        except Exception as error:  # noqa: BLE001 - the door of webhook delivery: try again later
            return None, f"{type(error).__name__}: {error}"[:_TOLD_IN_ERRORS]

    def _note(
        self, conn: sa.Connection, delivery: Delivery, status: int | None, error: str | None
    ) -> str:
        tried, now = delivery.attempts + 1, time.time()
        table = webhook_deliveries
        values: dict[str, Any] = {"attempts": tried, "last_status": status, "last_error": error}
        if status is not None and 200 <= status < 300:
            values |= {"state": "delivered", "delivered_at": now, "next_attempt_at": None}
        elif tried > len(PAUSES) or status == _GONE:
            values |= {"state": "failed", "next_attempt_at": None}
        else:
            values |= {"state": "pending", "next_attempt_at": now + PAUSES[tried - 1]}
        # Only the run of this very try counts; one that was run twice enqueues nothing twice.
        changed = conn.execute(
            sa.update(table)
            .where(
                table.c.id == delivery.id,
                table.c.state == "pending",
                table.c.attempts == delivery.attempts,
            )
            .values(values)
        ).rowcount
        if changed and values["state"] == "pending":
            pause = PAUSES[tried - 1]
            _enqueue(conn, self._enqueuer, delivery.id, delivery.account_id, tried + 1, pause)
        return str(values["state"])


def _enqueue(  # one more try of a delivery
    conn: sa.Connection,
    enqueuer: Enqueuer,
    delivery_id: str,
    account: str,
    number: int,
    pause: float,
) -> None:
    run_id = f"{BODY}-{delivery_id}-{number}"
    enqueuer.enqueue(
        conn, Ticket(LANE, BODY, delivery_id, account, delay_seconds=pause, run_id=run_id)
    )


def _load(conn: sa.Connection, delivery_id: str) -> tuple[Delivery, str] | None:
    table = webhook_deliveries
    query = (
        sa.select(table, accounts.c.webhook_secret)
        .join(accounts, accounts.c.id == table.c.account_id)
        .where(table.c.id == delivery_id)
    )
    row = conn.execute(query).first()
    if row is None:
        return None
    values = dict(row._mapping)
    secret = values.pop("webhook_secret")
    return Delivery(**values), secret


def _iso(moment: float | None) -> str | None:
    if moment is None:
        return None
    shown = datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")
    return shown.replace("+00:00", "Z")
