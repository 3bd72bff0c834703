"""Each try of a delivery: signed, logged, followed by a later one or by none."""

import datetime
import json
from collections.abc import Mapping

import pytest
import sqlalchemy as sa
import time_machine
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from ltxserve.accounts.accounts import LOCAL, webhook_secret
from ltxserve.db.database import Database
from ltxserve.db.tables import webhook_deliveries
from ltxserve.errors import MediaError
from ltxserve.jobs import store
from ltxserve.jobs.engine import Enqueuer, migrate
from ltxserve.jobs.rows import Job, NewJob
from ltxserve.jobs.webhooks import PAUSES, Deliverer, Delivery, deliveries, schedule

URL = "https://example.org/hook?token=1"
START = datetime.datetime(2026, 11, 21, tzinfo=datetime.UTC)


class Receiver:
    """Takes what is posted and answers as told; an exception is raised instead."""

    def __init__(self, *answers: int | Exception) -> None:
        self.answers = list(answers)
        self.got: list[tuple[str, bytes, Mapping[str, str]]] = []

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        self.got.append((url, body, headers))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


class Post:
    """A finished job with a webhook, and its one delivery."""

    def __init__(self, database: Database, *answers: int | Exception) -> None:
        migrate(database)
        self.database, self.enqueuer = database, Enqueuer(database)
        self.receiver = Receiver(*answers)
        self.deliverer = Deliverer(database, self.enqueuer, self.receiver.post)
        with database.begin() as conn:
            new = NewJob(LOCAL, {}, 3, "free", webhook_url=URL, metadata={"mine": "ü"})
            store.insert(conn, new)
            store.cancel(conn, new.id)
            self.job: Job = store.get(conn, new.id)
            schedule(conn, self.enqueuer, self.job)
            self.secret = webhook_secret(conn, LOCAL)

    def delivery(self) -> Delivery:
        with self.database.read() as conn:
            [found] = deliveries(conn, LOCAL, self.job.id)
            return found

    def attempt(self) -> str:
        return self.deliverer.run(self.delivery().id, lambda name, body: body())

    def waiting(self) -> set[str]:
        prefixes = [f"webhook-{self.delivery().id}-{number}" for number in range(1, 10)]
        return {name.rpartition("-")[2] for name in self.enqueuer.live(prefixes)}


def test_a_delivery_is_signed_and_noted(sqlite: Database) -> None:
    post = Post(sqlite, 204)
    assert post.waiting() == {"1"}
    assert post.attempt() == "delivered"
    [(url, body, headers)] = post.receiver.got
    assert url == URL
    told = Webhook(post.secret).verify(body.decode(), dict(headers))
    assert told == json.loads(body)
    assert told["type"] == "generation.cancelled"
    assert told["data"]["id"] == post.job.id
    assert told["data"]["metadata"] == {"mine": "ü"}
    done = post.delivery()
    assert (done.state, done.attempts, done.last_status) == ("delivered", 1, 204)
    assert done.delivered_at is not None
    assert post.attempt() == "over"
    assert len(post.receiver.got) == 1


def test_another_secret_does_not_fit(sqlite: Database) -> None:
    post = Post(sqlite, 200)
    post.attempt()
    [(_, body, headers)] = post.receiver.got
    other = Webhook("whsec_" + "A" * 44)
    with pytest.raises(WebhookVerificationError):
        other.verify(body.decode(), dict(headers))


def test_failures_are_tried_again_later_and_later_then_never(sqlite: Database) -> None:
    refused = MediaError("url_refused", "This address is not sent to.")
    post = Post(sqlite, 500, refused, OSError("broken"), 302)
    with time_machine.travel(START, tick=False):
        for number, pause in enumerate(PAUSES, start=1):
            assert post.attempt() == "pending"
            now = post.delivery()
            assert now.attempts == number
            assert now.next_attempt_at == pytest.approx(START.timestamp() + pause)
            assert str(number + 1) in post.waiting()
        assert post.attempt() == "failed"
    errors = post.delivery()
    assert (errors.state, errors.attempts) == ("failed", len(PAUSES) + 1)
    assert errors.next_attempt_at is None
    with sqlite.read() as conn:
        assert conn.scalar(sa.select(webhook_deliveries.c.last_status)) == 302


def test_what_went_wrong_is_in_the_log(sqlite: Database) -> None:
    post = Post(sqlite, MediaError("url_refused", "This address is not sent to."))
    post.attempt()
    assert post.delivery().last_error == "url_refused: This address is not sent to."
    assert post.delivery().last_status is None


def test_who_says_gone_is_not_asked_again(sqlite: Database) -> None:
    assert Post(sqlite, 410).attempt() == "failed"


def test_a_try_that_ran_twice_enqueues_nothing_twice(sqlite: Database) -> None:
    post = Post(sqlite, 500)
    before = post.delivery()
    post.attempt()
    with sqlite.begin() as conn:
        post.deliverer._note(conn, before, 500, None)
    assert post.delivery().attempts == 1
    assert post.waiting() == {"1", "2"}


def test_a_delivery_that_is_gone_is_over(sqlite: Database) -> None:
    post = Post(sqlite, 200)
    assert post.deliverer.run("nothing", lambda name, body: body()) == "over"
