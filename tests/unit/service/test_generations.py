"""The use cases as callers see them, on a running service with real workers."""

from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from ltxserve.accounts.accounts import Account, NewAccount, create_account
from ltxserve.app import App, create_app
from ltxserve.credits import ledger
from ltxserve.db.ids import new_id
from ltxserve.errors import (
    Conflict,
    InsufficientCredits,
    NotFound,
    RequestRefused,
    StorageError,
)
from ltxserve.jobs.listing import JobFilter
from ltxserve.jobs.rows import Job
from ltxserve.jobs.states import JobState
from ltxserve.media.encode import write_video
from ltxserve.service.submission import Submission
from ltxserve.storage.base import ArtifactStore
from tests.loopback import Loopback, Reply
from tests.services import settings_for, submit, wait_for, wait_until
from tests.unit.media.samples import moving_clip, target

LONG = "steps=2000 pause=0.02"


class Stubborn:
    """A store that lets go of nothing."""

    def delete(self, key: str) -> None:
        raise StorageError("storage_unavailable", "The store is away.")


@pytest.fixture
def payer(app: App) -> Account:
    with app.database.begin() as conn:
        made = create_account(conn, NewAccount(f"payer-{new_id()}"))
        ledger.top_up(conn, made.id, 1000)
        return made


def balance(app: App, account: Account) -> int:
    with app.database.read() as conn:
        assert ledger.imbalances(conn) == []
        return ledger.balance(conn, account.id)


def occupied(app: App) -> Job:
    """A job that keeps the only worker busy."""
    return wait_for(app, submit(app, LONG), "running")


def released(app: App, job: Job) -> None:
    app.generations.cancel(app.local_account(), job.id)
    wait_for(app, job)


def test_a_job_from_submission_to_its_file(app: App, payer: Account) -> None:
    job = submit(app, "steps=3", payer, metadata={"mine": 1})
    assert (job.state, job.attempt, job.metadata) == (JobState.QUEUED, 0, {"mine": 1})
    done = wait_for(app, job)
    assert done.state is JobState.SUCCEEDED
    assert done.seed == job.seed
    assert done.timings == {"denoise": 0.1}
    assert done.started_at is not None
    assert balance(app, payer) == 1000 - job.price < 1000
    file = app.generations.artifact(payer, job.id)
    content = b"".join(app.store.open(file.key))
    assert content.startswith(job.id.encode())
    assert len(content) == file.bytes
    with pytest.raises(NotFound) as refusal:
        app.generations.artifact(payer, job.id, "audio")
    assert refusal.value.code == "file_not_found"
    kinds = [event.kind for event in app.generations.events(payer, job.id)]
    assert kinds[:2] == ["queued", "running"]
    assert kinds[-1] == "succeeded"
    assert app.generations.events(payer, job.id, after=len(kinds)) == []


def test_a_quote_is_what_a_submission_holds(app: App, payer: Account) -> None:
    asked = Submission({"prompt": "steps=1", "num_frames": 25}, count=3)
    quote = app.generations.quote(payer, asked)
    assert (quote.jobs, quote.balance, quote.affordable) == (3, 1000, True)
    assert quote.credits == 3 * quote.price.credits > 0
    assert quote.to_dict()["plan"]["deliver"]["num_frames"] == 25
    assert balance(app, payer) == 1000
    job = app.generations.submit(payer, asked)
    assert job.price == quote.credits
    assert balance(app, payer) == 1000 - quote.credits
    wait_for(app, job)


def test_a_quote_reads_no_source(app: App, payer: Account) -> None:
    for source in ("http://10.0.0.1/x.png", "data:image/png;base64,AAAA", "A" * 20_000):
        request = {"prompt": "p", "conditions": [{"source": source}]}
        assert app.generations.quote(payer, Submission(request)).credits > 0


def test_what_a_clip_is_made_from_is_looked_at(app: App, payer: Account, tmp_path: Path) -> None:
    clip = moving_clip(25, 128, 128)
    path = write_video([clip], target(tmp_path / "clip.mp4", clip)).path
    with path.open("rb") as file:
        upload = app.uploads.create(payer, file, "clip.mp4", "video/mp4")
    asked = Submission({"prompt": "steps=1", "extend": {"source": upload.id, "num_frames": 24}})
    quote = app.generations.quote(payer, asked)
    assert quote.plan.deliver.num_frames == 49
    job = app.generations.submit(payer, asked)
    assert job.price == quote.credits
    assert job.request["extend"]["source_frames"] == 25
    assert job.request["fps"] == 24
    wait_for(app, job)
    beyond = {"source": upload.id, "start": 0.5, "end": 2}
    with pytest.raises(RequestRefused) as refusal:
        app.generations.submit(payer, Submission({"prompt": "p", "retake": beyond}))
    assert refusal.value.codes == ("retake_range_invalid",)


def test_everything_wrong_is_refused_at_once(app: App, payer: Account) -> None:
    request = {"prompt": "p", "width": 1, "fps": -1, "nonsense": 1}
    with pytest.raises(RequestRefused) as refusal:
        app.generations.submit(payer, Submission(request, count=2))
    assert "unknown_field" in refusal.value.codes
    assert len(set(refusal.value.problems)) == len(refusal.value.problems)
    assert balance(app, payer) == 1000


def test_nothing_is_fetched_for_what_will_be_refused(tmp_path: Path) -> None:
    picture = Reply(body=b"not a picture", headers={"Content-Type": "image/png"})
    with Loopback(lambda request: picture) as server:
        app = create_app(
            settings_for(tmp_path, open_networks="127.0.0.0/8", open_ports=str(server.port)), "api"
        )
        asked = {
            "prompt": "p",
            "conditions": [{"source": f"http://127.0.0.1:{server.port}/a.png"}],
        }
        try:
            with app.database.begin() as conn:
                poor = create_account(conn, NewAccount("poor", price_list="per-second"))
            with pytest.raises(RequestRefused) as refusal:
                app.generations.submit(poor, Submission({**asked, "fps": -1}))
            assert "fps_out_of_range" in refusal.value.codes
            with pytest.raises(InsufficientCredits) as short:
                app.generations.submit(poor, Submission(asked))
            assert short.value.price > short.value.balance == 0
            assert server.seen == []
            with pytest.raises(RequestRefused):
                app.generations.submit(app.local_account(), Submission(asked))
            assert len(server.seen) == 1
        finally:
            app.close()


@pytest.mark.parametrize("source", ["/etc/passwd", "file:///etc/passwd", "store:other/x.png"])
def test_no_file_of_the_server_is_a_source(app: App, payer: Account, source: str) -> None:
    request = {"prompt": "p", "conditions": [{"source": source}]}
    with pytest.raises(RequestRefused):
        app.generations.submit(payer, Submission(request))
    assert app.generations.list(payer, JobFilter()).jobs == ()


def test_another_account_sees_nothing(app: App, payer: Account) -> None:
    job, other = submit(app, "steps=1", payer), app.local_account()
    calls = (
        app.generations.get,
        app.generations.cancel,
        app.generations.delete,
        app.generations.events,
        app.generations.artifact,
        app.generations.children,
        app.generations.position,
    )
    for call in calls:
        with pytest.raises(NotFound) as refusal:
            call(other, job.id)
        assert refusal.value.code == "job_not_found"
    assert wait_for(app, job).state is JobState.SUCCEEDED
    assert [one.id for one in app.generations.list(payer, JobFilter()).jobs] == [job.id]


def test_a_waiting_job_is_cancelled_at_once(app: App, payer: Account) -> None:
    busy = occupied(app)
    job = submit(app, "steps=1", payer)
    assert app.generations.position(payer, job.id) == 1
    with pytest.raises(Conflict) as refusal:
        app.generations.artifact(payer, job.id)
    assert refusal.value.code == "not_ready"
    cancelled = app.generations.cancel(payer, job.id)
    assert (cancelled.state, cancelled.attempt) == (JobState.CANCELLED, 0)
    assert balance(app, payer) == 1000
    assert app.generations.position(payer, job.id) is None
    assert app.generations.cancel(payer, job.id).state is JobState.CANCELLED
    released(app, busy)


def test_a_running_job_is_cancelled_and_costs_nothing(app: App, payer: Account) -> None:
    job = wait_for(app, submit(app, LONG, payer), "running")
    with pytest.raises(Conflict) as refusal:
        app.generations.delete(payer, job.id)
    assert refusal.value.code == "job_not_finished"
    app.generations.cancel(payer, job.id)
    assert wait_for(app, job).state is JobState.CANCELLED
    assert balance(app, payer) == 1000


def test_a_batch_is_listed_as_one_and_cancelled_whole(app: App, payer: Account) -> None:
    batch = submit(app, "", payer, prompts=("steps=1", LONG, "steps=2"))
    first, second, third = app.generations.children(payer, batch.id)
    assert [child.request["prompt"] for child in (first, second, third)] == [
        "steps=1",
        LONG,
        "steps=2",
    ]
    listed = app.generations.list(payer, JobFilter(top=True)).jobs
    assert [one.id for one in listed] == [batch.id]
    wait_for(app, second, "running")
    app.generations.cancel(payer, batch.id)
    done = wait_for(app, batch)
    assert done.result == {"children": {"succeeded": 1, "failed": 0, "cancelled": 2}}
    assert balance(app, payer) == 1000 - first.price
    app.generations.delete(payer, batch.id)
    assert app.generations.list(payer, JobFilter()).jobs == ()


def test_a_deleted_job_takes_its_files_along(app: App, payer: Account) -> None:
    job = wait_for(app, submit(app, "steps=1", payer))
    file = app.generations.artifact(payer, job.id)
    app.generations.delete(payer, job.id)
    assert app.store.stat(file.key) is None
    with pytest.raises(NotFound):
        app.generations.get(payer, job.id)
    assert balance(app, payer) == 1000 - job.price, "what was made is paid"


def test_the_same_key_does_not_generate_twice(app: App, payer: Account) -> None:
    first = submit(app, "steps=1", payer, idempotency_key="k")
    wait_for(app, first)
    assert submit(app, "steps=1", payer, idempotency_key="k").id == first.id
    assert balance(app, payer) == 1000 - first.price


def test_a_webhook_is_told_and_private_addresses_are_not(app: App, payer: Account) -> None:
    job = submit(app, "steps=1", payer, webhook_url="http://127.0.0.1/hook")
    wait_for(app, job)
    wait_until(lambda: app.generations.deliveries(payer, job.id)[0].attempts)
    [delivery] = app.generations.deliveries(payer, job.id)
    assert (delivery.event, delivery.state) == ("generation.succeeded", "pending")
    assert (delivery.last_error or "").startswith("url_refused")


def test_an_adapters_path_is_refused_with_all_the_rest_and_in_a_quote_too(app: App) -> None:
    asked = {"prompt": " ", "loras": [{"name_or_path": "/etc/passwd"}], "seed": -1, "odd": 1}
    account, submission = app.local_account(), Submission(asked)
    for ask in (app.generations.quote, app.generations.submit):
        with pytest.raises(RequestRefused) as refusal:
            ask(account, submission)
        fields = {problem.field for problem in refusal.value.problems}
        assert fields >= {"loras.0.name_or_path", "prompt", "seed", "odd"}


def test_files_that_the_store_holds_on_to_stay_due(app: App) -> None:
    job = wait_for(app, submit(app, "steps=1"))
    file = app.generations.artifact(app.local_account(), job.id)
    stubborn = replace(app.generations, store=cast(ArtifactStore, Stubborn()))
    with pytest.raises(StorageError):
        stubborn.remove_files(job.id)
    now = app.generations.get(app.local_account(), job.id)
    assert (now.result, now.expires_at) == (None, job.expires_at)
    app.generations.remove_files(job.id)
    assert app.store.stat(file.key) is None
    assert app.generations.get(app.local_account(), job.id).expires_at is None
