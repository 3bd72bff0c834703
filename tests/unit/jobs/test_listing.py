"""Pages, counts and the queue."""

import pytest

from ltxserve.db.database import Database
from ltxserve.jobs import store
from ltxserve.jobs.listing import LIMIT, JobFilter, by_state, counts, list_jobs, queue_position
from ltxserve.jobs.states import JobState
from tests.unit.jobs.samples import add, new, running


def ids(database: Database, which: JobFilter) -> list[str]:
    with database.read() as conn:
        return [job.id for job in list_jobs(conn, which).jobs]


@pytest.mark.parametrize("ascending", [False, True])
def test_pages_cover_everything_once(database: Database, ascending: bool):
    made = [add(database).id for _ in range(7)]
    seen: list[str] = []
    cursor: str | None = None
    with database.read() as conn:
        while True:
            page = list_jobs(conn, JobFilter(limit=3, cursor=cursor, ascending=ascending))
            seen += [job.id for job in page.jobs]
            cursor = page.next_cursor
            if cursor is None:
                break
    assert seen == (made if ascending else made[::-1])


def test_a_page_that_is_just_full_is_the_last(database: Database):
    for _ in range(3):
        add(database)
    with database.read() as conn:
        assert list_jobs(conn, JobFilter(limit=3)).next_cursor is None
        assert list_jobs(conn, JobFilter(limit=2)).next_cursor is not None


def test_new_jobs_do_not_shift_a_page(database: Database):
    made = [add(database).id for _ in range(4)]
    with database.read() as conn:
        cursor = list_jobs(conn, JobFilter(limit=2)).next_cursor
    add(database)
    assert ids(database, JobFilter(limit=2, cursor=cursor)) == [made[1], made[0]]


def test_filters_narrow(database: Database):
    parent = add(database, kind="batch")
    child = add(database, parent_id=parent.id, dialect="openai")
    busy = running(database)
    assert ids(database, JobFilter(parent_id=parent.id)) == [child.id]
    assert ids(database, JobFilter(top=True)) == [busy.id, parent.id]
    assert ids(database, JobFilter(kind="batch")) == [parent.id]
    assert ids(database, JobFilter(dialect="openai")) == [child.id]
    assert ids(database, JobFilter(states=(JobState.RUNNING,))) == [busy.id]
    assert ids(database, JobFilter(account_id="other")) == []
    assert len(ids(database, JobFilter(account_id="local"))) == 3


def test_a_page_has_a_bound(sqlite: Database):
    with sqlite.begin() as conn:
        for _ in range(LIMIT + 1):
            store.insert(conn, new())
    assert len(ids(sqlite, JobFilter(limit=10**9))) == LIMIT
    assert len(ids(sqlite, JobFilter(limit=0))) == 1


def test_counts_are_of_jobs_that_wait_or_run(database: Database):
    with database.read() as conn:
        assert counts(conn) == counts(conn, "local")
        assert (counts(conn).queued, counts(conn).oldest_queued_at) == (0, None)
    first = add(database)
    add(database)
    add(database, kind="batch")
    running(database)
    done = running(database)
    with database.begin() as conn:
        store.cancel(conn, done.id)
        found = counts(conn, "local")
        assert (found.queued, found.running) == (2, 1)
        assert found.oldest_queued_at == first.created_at
        assert counts(conn, "other").queued == 0
        states = by_state(conn, "local")
        assert states == {JobState.QUEUED: 2, JobState.RUNNING: 1, JobState.CANCELLED: 1}
        assert by_state(conn, "other") == {}


def test_the_queue_is_by_priority_then_by_age(database: Database):
    first, second = add(database), add(database)
    urgent = add(database, priority=5)
    busy = running(database)
    with database.read() as conn:
        places = [queue_position(conn, job.id) for job in (urgent, first, second, busy)]
        assert queue_position(conn, "no-such-id") is None
    assert places == [1, 2, 3, None]
