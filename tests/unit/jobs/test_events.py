"""Events rise by one per job, whoever writes them."""

import pytest
import time_machine

from ltxserve.db.database import Database
from ltxserve.errors import NotFound
from ltxserve.jobs import events
from tests.threads import together
from tests.unit.jobs.samples import add, now

DAY = 1_800_000_000.0
"""Seconds UTC."""


def test_numbers_rise_by_one_per_job(database: Database):
    one, other = add(database), add(database)
    with database.begin() as conn:
        assert events.append(conn, one.id, "queued", {}) == 1
        assert events.append(conn, other.id, "queued", {}) == 1
        assert events.append(conn, one.id, "progress", {"step": 1}) == 2
    assert now(database, one).last_event == 2


def test_reading_goes_on_where_it_stopped(database: Database):
    job = add(database)
    with database.begin() as conn:
        for step in range(5):
            events.append(conn, job.id, "progress", {"step": step})
    with database.read() as conn:
        late = events.read(conn, job.id, after=3)
        assert [(event.seq, event.data) for event in late] == [(4, {"step": 3}), (5, {"step": 4})]
        assert [event.seq for event in events.read(conn, job.id, limit=2)] == [1, 2]
        assert events.read(conn, job.id, after=5) == []


def test_an_event_that_was_rolled_back_leaves_no_gap(database: Database):
    job = add(database)
    with pytest.raises(KeyError), database.begin() as conn:
        events.append(conn, job.id, "running", {})
        raise KeyError("no")
    with database.begin() as conn:
        assert events.append(conn, job.id, "running", {}) == 1


def test_writers_at_once_leave_no_gap_and_no_double(database: Database):
    job = add(database)

    def write() -> None:
        for step in range(5):
            with database.begin() as conn:
                events.append(conn, job.id, "progress", {"step": step})

    together([write] * 6)
    with database.read() as conn:
        assert [event.seq for event in events.read(conn, job.id)] == list(range(1, 31))


def test_old_progress_can_be_forgotten(database: Database):
    first, second = add(database), add(database)
    kinds = ("queued", "running", "progress", "preview", "progress", "succeeded")
    for hour, job in enumerate((first, second)):
        with time_machine.travel(DAY + hour * 3600, tick=False), database.begin() as conn:
            for kind in kinds:
                events.append(conn, job.id, kind, {})
    with database.begin() as conn:
        assert events.prune(conn, DAY) == 0
        assert events.prune(conn, DAY + 3600) == 3
        left = events.read(conn, first.id)
        assert [(e.seq, e.kind) for e in left] == [(1, "queued"), (2, "running"), (6, "succeeded")]
        assert [e.kind for e in events.read(conn, second.id)] == list(kinds)
        assert events.append(conn, first.id, "progress", {}) == 7


def test_a_job_that_is_not_there_has_no_events(database: Database):
    with pytest.raises(NotFound), database.begin() as conn:
        events.append(conn, "no-such-id", "queued", {})
