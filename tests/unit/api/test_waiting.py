"""Waiting ends with the job, or with the caller's patience."""

import asyncio
from typing import Any

from ltxserve.api.feeds import Feeds
from ltxserve.api.waiting import until_over
from ltxserve.jobs.events import Event
from tests.api.making import ID, done, job


class Told:
    """Use cases of one job that ends when its events have been read so often."""

    def __init__(self, ends_after: int) -> None:
        self._left = ends_after

    def events(self, account: Any, job_id: str, after: int) -> list[Event]:
        del account
        self._left -= 1
        last = Event(job_id, 2, "succeeded", {}, 0.0)
        return [last] if self._left <= 0 and after < 2 else []

    def get(self, account: Any, job_id: str) -> Any:
        del account, job_id
        return done() if self._left <= 0 else job()


def waited(jobs: Told, which: Any, seconds: float) -> str:
    feeds = Feeds(read_seconds=0.001)
    made: Any = jobs
    account: Any = None
    return str(asyncio.run(until_over(feeds, made, account, which, seconds)).state)


def test_it_ends_with_the_job():
    assert waited(Told(3), job(id=ID), 3600) == "succeeded"


def test_it_ends_with_the_patience():
    assert waited(Told(10**9), job(id=ID), 0.01) == "queued"


def test_what_is_over_is_not_waited_for():
    assert waited(Told(10**9), done(), 3600) == "succeeded"
