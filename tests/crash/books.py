"""Reads everything after a storm: each job ended once, was paid once or never, and is whole."""

import hashlib
from collections import Counter

import sqlalchemy as sa

from ltxserve.app import App
from ltxserve.credits import ledger
from ltxserve.db.tables import ledger as entries
from ltxserve.jobs import events, store
from ltxserve.jobs.rows import Job
from ltxserve.jobs.states import JobState
from ltxserve.service.leftovers import keys_of, prefix_of

CLOSING = {
    JobState.SUCCEEDED: "settle",
    JobState.FAILED: "release",
    JobState.CANCELLED: "release",
}


def check(app: App, ids: list[str], credit: dict[str, int]) -> Counter[str]:
    """Fail on the first thing that is not as it must be; how many jobs ended in which way.

    credit: account -> what it was given.
    """
    with app.database.read() as conn:
        found = [store.get(conn, job_id) for job_id in ids]
        assert ledger.imbalances(conn) == []
        for job in found:
            check_job(conn, job)
        for account, given in credit.items():
            spent = sum(
                job.price
                for job in found
                if job.account_id == account and job.state is JobState.SUCCEEDED
            )
            assert ledger.balance(conn, account) == given - spent
    for job in found:
        check_files(app, job)
    return Counter(str(job.state) for job in found)


def check_job(conn: sa.Connection, job: Job) -> None:
    """It is over, its money is settled or released once, and its events end with its end."""
    assert job.is_terminal, f"{job.id} is {job.state}"
    query = sa.select(entries.c.kind).where(entries.c.job_id == job.id)
    assert sorted(conn.scalars(query)) == sorted(["hold", CLOSING[job.state]]), job.id
    told = events.read(conn, job.id)
    numbers = [event.seq for event in told]
    assert numbers == sorted(set(numbers))
    # Old progress is swept away; where a clock jumps ahead, sooner than anybody would.
    kept = {event.seq for event in told if event.kind not in events.PASSING}
    assert {1, job.last_event} <= kept
    ends = [event.kind for event in told if event.kind in set(JobState) - {"queued", "running"}]
    assert ends == [job.state], job.id


def check_files(app: App, job: Job) -> None:
    """What is offered can be read and is the winner's; what was not paid is not kept."""
    if job.state is not JobState.SUCCEEDED:
        kept = [key for key in _keys(job) if app.store.stat(key) is not None]
        assert kept == [], f"{job.id} is {job.state}"
        return
    file = (job.result or {})["artifacts"]["video"]
    content = b"".join(app.store.open(file["key"]))
    assert content == f"{job.id} {job.attempt}".encode() * 100
    assert len(content) == file["bytes"]
    assert hashlib.sha256(content).hexdigest() == file["sha256"]


def _keys(job: Job) -> list[str]:
    numbers = range(1, job.attempt + 1)
    return [key for number in numbers for key in keys_of(prefix_of(job.account_id, job.id, number))]
