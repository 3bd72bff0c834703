"""Jobs in the database: one winner per change, one job per key."""

import datetime

import pytest
import time_machine

from ltxserve.db.database import Database
from ltxserve.errors import Conflict, NotFound
from ltxserve.jobs import events, store
from ltxserve.jobs.rows import Job, Outcome
from ltxserve.jobs.states import JobState
from tests.threads import together
from tests.unit.jobs.samples import DONE, ERROR, RESULT, add, new, now, running

DAY = datetime.datetime(2026, 11, 21, tzinfo=datetime.UTC)


def test_a_new_job_waits(database: Database):
    job = add(database, metadata={"a": ["ä", None, 1.5]}, plan={"deliver": {}}, priority=3)
    assert job == now(database, job)
    assert (job.state, job.attempt, job.cancel_requested) == (JobState.QUEUED, 0, False)
    assert (job.metadata, job.priority) == ({"a": ["ä", None, 1.5]}, 3)
    assert (job.result, job.error, job.started_at) == (None, None, None)


def test_a_job_of_another_account_is_not_there(database: Database):
    job = add(database)
    with database.read() as conn:
        assert store.get(conn, job.id, "local") == job
        assert store.find(conn, job.id, "other") is None
        for job_id, account in ((job.id, "other"), ("no-such-id", None)):
            with pytest.raises(NotFound) as refusal:
                store.get(conn, job_id, account)
            assert refusal.value.code == "job_not_found"


def test_a_key_gives_its_first_job(database: Database):
    first = add(database, idempotency_key="k", request_hash="h")
    again = add(database, idempotency_key="k", request_hash="h", price=99)
    assert again == first


def test_a_key_is_not_for_another_request(database: Database):
    add(database, idempotency_key="k", request_hash="h")
    with pytest.raises(Conflict) as refusal:
        add(database, idempotency_key="k", request_hash="other")
    assert refusal.value.code == "idempotency_conflict"


def test_one_word_in_common_makes_it_the_same_request(database: Database):
    first = add(database, idempotency_key="k", request_hash="id content")
    for words in ("id", "other content"):
        assert add(database, idempotency_key="k", request_hash=words) == first


def test_jobs_without_a_key_are_all_new(database: Database):
    assert add(database).id != add(database).id


def test_a_key_counts_for_a_day(database: Database):
    with time_machine.travel(DAY, tick=False):
        first = add(database, idempotency_key="k", request_hash="h")
    with time_machine.travel(DAY + datetime.timedelta(hours=23, minutes=59), tick=False):
        assert add(database, idempotency_key="k", request_hash="h").id == first.id
    with time_machine.travel(DAY + datetime.timedelta(hours=24, seconds=1), tick=False):
        later = add(database, idempotency_key="k", request_hash="other")
    assert later.id != first.id
    assert now(database, first).idempotency_key is None


def test_threads_with_one_key_make_one_job(database: Database):
    made: list[Job] = []
    keyed = {"idempotency_key": "k", "request_hash": "h"}
    together([lambda: made.append(add(database, **keyed))] * 8)
    assert len(made) == 8
    assert len({job.id for job in made}) == 1


def test_a_claim_starts_an_attempt(database: Database):
    job = running(database)
    assert (job.state, job.attempt, job.worker) == (JobState.RUNNING, 1, "worker-0")
    assert job.started_at is not None


def test_a_later_claim_shuts_the_earlier_attempt_out(database: Database):
    first = running(database)
    with database.begin() as conn:
        assert store.set_progress(conn, first.id, 1, {"stage": "denoise", "step": 1, "of": 8})
        second = store.claim(conn, first.id, "worker-1")
        assert second is not None
        assert (second.attempt, second.progress, second.stage) == (2, None, None)
        assert second.started_at == first.started_at
        assert not store.set_progress(conn, first.id, 1, {"stage": "denoise"})
        assert not store.set_worker(conn, first.id, 1, "worker-9")
        assert not store.succeed(conn, first.id, 1, DONE)
        assert not store.fail(conn, first.id, 1, ERROR)
        assert not store.cancel(conn, first.id, 1)
        assert not store.requeue(conn, first.id, 1)
        assert store.succeed(conn, first.id, 2, DONE)


def test_a_success_fills_the_row(database: Database):
    job = running(database, warnings=["cropped"])
    with database.begin() as conn:
        assert store.succeed(conn, job.id, 1, DONE)
    done = now(database, job)
    assert (done.state, done.result, done.seed) == (JobState.SUCCEEDED, RESULT, 7)
    assert (done.timings, done.warnings) == ({"denoise": 1.5}, ["slow"])
    assert done.finished_at is not None


def test_a_success_keeps_what_it_does_not_say(database: Database):
    job = running(database, seed=3, plan={"model": "tiny"}, warnings=["cropped"])
    with database.begin() as conn:
        store.succeed(conn, job.id, 1, Outcome(RESULT))
    done = now(database, job)
    assert (done.seed, done.plan, done.warnings) == (3, {"model": "tiny"}, ["cropped"])


def test_a_waiting_job_cannot_succeed(database: Database):
    job = add(database)
    with database.begin() as conn:
        assert not store.succeed(conn, job.id, 0, DONE)
        assert store.fail(conn, job.id, None, ERROR)
    assert now(database, job).error == ERROR


ENDS = {
    "succeed": lambda conn, job: store.succeed(conn, job, 1, DONE),
    "fail": lambda conn, job: store.fail(conn, job, 1, ERROR),
    "cancel": store.cancel,
}


@pytest.mark.parametrize("first", ENDS)
def test_nothing_happens_after_an_end(database: Database, first: str):
    job = running(database)
    with database.begin() as conn:
        assert ENDS[first](conn, job.id)
        end = store.get(conn, job.id)
        assert not any(other(conn, job.id) for other in ENDS.values())
        assert store.claim(conn, job.id, "worker-1") is None
        assert not store.requeue(conn, job.id, 1)
        assert not store.set_progress(conn, job.id, 1, {"stage": "late"})
        assert not store.request_cancel(conn, job.id).cancel_requested or first == "cancel"
        assert store.get(conn, job.id) == end


def test_threads_that_end_a_job_have_one_winner(database: Database):
    job = running(database)
    won: list[str] = []

    def end(how: str) -> None:
        with database.begin() as conn:
            if ENDS[how](conn, job.id):
                won.append(how)

    together([lambda how=how: end(how) for how in ENDS] * 3)
    assert len(won) == 1
    states = {"succeed": "succeeded", "fail": "failed", "cancel": "cancelled"}
    assert now(database, job).state == states[won[0]]


def test_threads_that_claim_get_different_attempts(database: Database):
    job = add(database)
    attempts: list[int] = []

    def claim() -> None:
        with database.begin() as conn:
            claimed = store.claim(conn, job.id, "worker")
        if claimed is not None:
            attempts.append(claimed.attempt)

    together([claim] * 6)
    assert sorted(attempts) == [1, 2, 3, 4, 5, 6]


def test_a_job_that_shall_stop_is_not_claimed(database: Database):
    job = running(database)
    with database.begin() as conn:
        assert store.request_cancel(conn, job.id).cancel_requested
        assert store.claim(conn, job.id, "worker-1") is None
        assert store.cancel(conn, job.id, 1)


def test_cancelling_what_is_not_there_is_said(database: Database):
    with pytest.raises(NotFound), database.begin() as conn:
        store.request_cancel(conn, "no-such-id")


def test_a_job_can_be_handed_back(database: Database):
    job = running(database)
    with database.begin() as conn:
        assert store.requeue(conn, job.id, 1)
        waiting = store.get(conn, job.id)
        assert (waiting.state, waiting.worker, waiting.attempt) == (JobState.QUEUED, None, 1)
        again = store.claim(conn, job.id, "worker-1")
    assert again is not None
    assert again.attempt == 2


def test_progress_shows_the_stage(database: Database):
    job = running(database)
    with database.begin() as conn:
        assert store.set_progress(conn, job.id, 1, {"stage": "denoise", "step": 3, "of": 8})
        assert store.set_worker(conn, job.id, 1, "gpu-1")
    seen = now(database, job)
    assert (seen.stage, seen.worker) == ("denoise", "gpu-1")
    assert seen.progress == {"stage": "denoise", "step": 3, "of": 8}


def test_only_jobs_that_are_over_expire(database: Database):
    live = running(database, expires_at=1.0)
    late, soon, kept = (running(database, expires_at=at) for at in (3.0, 2.0, 9.0))
    with database.begin() as conn:
        for job in (late, soon, kept):
            store.succeed(conn, job.id, 1, DONE)
        assert [job.id for job in store.expired(conn, 5.0)] == [soon.id, late.id]
        assert [job.id for job in store.expired(conn, 5.0, limit=1)] == [soon.id]
        assert store.forget_result(conn, soon.id)
        assert not store.forget_result(conn, live.id)
        assert [job.id for job in store.expired(conn, 5.0)] == [soon.id, late.id]
        for job in (soon, late):
            assert store.set_expiry(conn, job.id, None)
        assert store.expired(conn, 5.0) == []
        assert store.get(conn, soon.id).state is JobState.SUCCEEDED
        assert store.get(conn, soon.id).result is None


def test_only_a_job_that_is_over_can_be_deleted(database: Database):
    job = running(database)
    with database.begin() as conn:
        events.append(conn, job.id, "running", {})
        assert not store.delete(conn, job.id)
        store.cancel(conn, job.id)
        assert store.delete(conn, job.id)
        assert not store.delete(conn, job.id)
        assert store.find(conn, job.id) is None
        assert events.read(conn, job.id) == []


def test_a_child_knows_its_parent(database: Database):
    parent = add(database, kind="batch")
    child = add(database, parent_id=parent.id)
    assert now(database, child).parent_id == parent.id


def test_inserting_twice_in_one_transaction_is_one_job(database: Database):
    with database.begin() as conn:
        first = store.insert(conn, new(idempotency_key="k", request_hash="h"))
        again = store.insert(conn, new(idempotency_key="k", request_hash="h"))
    assert first == again
