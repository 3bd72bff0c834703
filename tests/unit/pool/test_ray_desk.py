"""A desk: JSON in and out, news as soon as there is any, and rest when nobody looks."""

import json
import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import pytest

from ltxserve.pool.base import PoolUnavailable, WorkerSpec
from ltxserve.pool.ray_desk import Desk
from tests.contracts import entries
from tests.contracts.pools import BRISK, until

SPEC = json.dumps(asdict(WorkerSpec(entries.NAME, devices=("cpu",), spare=False)))


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk(SPEC, json.dumps(asdict(BRISK)))
    yield desk
    desk.close()


def look(desk: Desk, boot: str = "", wait: float = 0.0, **cursors: int) -> dict[str, Any]:
    asked = {"boot": boot, "cursors": cursors, "cancels": [], "wait": wait}
    return json.loads(desk.look(json.dumps(asked)))


def start(desk: Desk, job: str, act: str, attempt: int = 1, **payload: Any) -> dict[str, Any]:
    work = {"job_id": job, "attempt": attempt, "payload": {"act": act, **payload}, "model": ""}
    until(lambda: look(desk)["slot"]["state"] == "ready")
    return json.loads(desk.start(json.dumps(work)))


def test_whoever_does_not_know_it_learns_what_it_knows(desk: Desk):
    told = start(desk, "job", "echo")
    assert (told["taken"], told["order"]) == (True, 1)
    until(lambda: look(desk, job=0)["reports"]["job"]["state"] == "succeeded")
    assert look(desk, boot="another life")["known"] == {"job": 1}
    assert "known" not in look(desk, boot=told["boot"])


def test_a_busy_desk_says_so_and_what_it_does(desk: Desk):
    start(desk, "first", "steps", count=1000, pause=0.05)
    work = {"job_id": "second", "attempt": 1, "payload": {"act": "echo"}, "model": ""}
    assert json.loads(desk.start(json.dumps(work)))["taken"] is False
    told = look(desk)
    assert (told["slot"]["busy_with"], told["attempt"]) == ("first", 1)
    desk.drop("first", "2")
    assert look(desk, first=0)["reports"]["first"]["state"] == "running"
    desk.drop("first", "1")
    until(lambda: look(desk, first=0)["reports"]["first"]["state"] == "lost")


def test_a_look_ends_with_the_news_and_not_before_it(desk: Desk):
    boot = start(desk, "job", "steps", count=1, pause=0.3)["boot"]
    look(desk, boot, job=0)
    cursor = 0
    for_ever = 1e9  # a look that waited for its time and not for news would not end
    while (report := look(desk, boot, for_ever, job=cursor)["reports"]["job"])[
        "state"
    ] == "running":
        cursor = report["next"]
    assert report["state"] == "succeeded"


def test_a_desk_that_nobody_looks_at_ends_its_worker_and_starts_another(desk: Desk):
    start(desk, "job", "echo")
    until(lambda: look(desk, job=0)["slot"]["state"] == "ready")
    desk.rest(time.monotonic() + BRISK.keep - 1)
    assert look(desk)["slot"]["state"] == "ready"
    desk.rest(time.monotonic() + BRISK.keep + 1)
    assert look(desk)["slot"]["state"] == "starting"
    assert start(desk, "next", "echo")["taken"]


def test_a_desk_with_work_does_not_rest(desk: Desk):
    start(desk, "job", "steps", count=1000, pause=0.05)
    desk.rest(time.monotonic() + BRISK.keep + 1)
    assert look(desk)["slot"]["state"] == "busy"


def test_a_closed_desk_stays_closed(desk: Desk):
    desk.close()
    for ask in (look, lambda desk: desk.cancel("job"), lambda desk: desk.drop("job", "1")):
        with pytest.raises(PoolUnavailable):
            ask(desk)
