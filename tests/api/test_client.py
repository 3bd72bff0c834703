"""The project's own client against the real server: every verb, every error with its code."""

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ltxserve.client import AsyncClient, Client
from ltxserve.errors import (
    AccessDenied,
    Cancelled,
    Conflict,
    InsufficientCredits,
    NotFound,
    OutOfMemory,
    RequestRefused,
    ServiceUnavailable,
)
from ltxserve.media.probe import probe
from tests.api.serving import Served

SMALL: dict[str, Any] = {"width": 128, "height": 128, "num_frames": 9}


@pytest.fixture
def client(served: Served) -> Iterator[Client]:
    with Client(served.url, served.account(f"client-{time.time_ns()}", 1000)) as client:
        yield client


def test_generate_and_wait(served: Served, client: Client):
    """A worker is done with the job while the caller waits for it."""
    job = client.generate("a red ball", wait=False, seed=3, **SMALL)
    assert (job.state, job.prompt, job.progress.queue_position) == ("queued", "a red ball", 1)
    states: list[str] = []
    ending = threading.Timer(0.3, served.finish, (job.id,))
    ending.start()
    done = client.wait(job.id, 20, lambda j: states.append(j.state)).checked()
    ending.join()
    assert (done.state, done.seed, done.num_frames, done.width) == ("succeeded", 3, 9, 128)
    assert (states[0], states[-1]) == ("queued", "succeeded")
    assert done.finished_at is not None


def test_download(served: Served, client: Client, tmp_path: Path):
    job = client.generate("a red ball", wait=False, **SMALL)
    with pytest.raises(NotFound) as error:
        client.download(job, tmp_path)
    assert error.value.code == "not_ready"
    served.finish(job.id)
    told: list[int] = []
    path = client.download(job, tmp_path, on_bytes=lambda have, _: told.append(have))
    video = probe(path).video
    assert video is not None
    assert (video.num_frames, told[-1]) == (9, path.stat().st_size)
    assert client.download(job.id, tmp_path / "t.jpg", "thumbnail").stat().st_size > 0
    with pytest.raises(NotFound):
        client.download(job, tmp_path, "audio")


def test_events_from_any_point(served: Served, client: Client):
    job = client.generate("a red ball", wait=False, **SMALL)
    running = served.start(job.id)
    served.progress(running, step=1, of=8, percent=10)
    served.fail(job.id)
    seen = list(client.events(job.id))
    assert [event.seq for event in seen] == list(range(1, len(seen) + 1))
    assert (seen[0].kind, seen[-1].kind) == ("queued", "failed")
    assert [event.seq for event in client.events(job.id, after=2)] == [e.seq for e in seen[2:]]
    assert list(client.events(job.id, after=seen[-1].seq)) == []


def test_live_events(served: Served, client: Client):
    job = client.generate("a red ball", wait=False, **SMALL)
    kinds: list[str] = []
    for event in client.events(job.id):
        kinds.append(event.kind)
        if event.kind == "queued":
            served.finish(job.id)
    assert kinds == ["queued", "running", "succeeded"]


def test_a_failed_job_raises_what_it_failed_of(served: Served, client: Client):
    job = client.generate("a red ball", wait=False, **SMALL)
    served.fail(job.id)
    with pytest.raises(OutOfMemory) as error:
        client.wait(job.id).checked()
    assert error.value.hint == "Go smaller."


def test_cancel_and_delete(client: Client):
    job = client.generate("a red ball", wait=False, **SMALL)
    assert client.cancel(job.id).state == "cancelled"
    with pytest.raises(Cancelled):
        client.wait(job.id).checked()
    client.delete(job.id)
    with pytest.raises(NotFound) as error:
        client.get(job.id)
    assert error.value.code == "job_not_found"


def test_time_out(client: Client):
    with pytest.raises(ServiceUnavailable) as error:
        client.generate("a red ball", timeout=0.3, **SMALL)
    assert error.value.code == "wait_timed_out"


def test_lists(client: Client):
    made = [client.generate(f"ball {n}", wait=False, **SMALL).id for n in range(5)]
    assert [job.id for job in client.list(limit=2)] == made[::-1]
    client.cancel(made[0])
    assert [job.id for job in client.list(state="cancelled")] == [made[0]]
    assert [job.id for job in client.list(state=["cancelled", "queued"], order="asc")] == made
    assert client.page(limit=2).next_cursor is not None


def test_batches(client: Client):
    batch = client.generate("a red ball", wait=False, count=3, **SMALL)
    assert len(batch.children) == 3
    assert len({child.seed for child in batch.family()}) == 3


def test_quotes_and_credits(served: Served, client: Client):
    quote = client.quote("a red ball", **SMALL)
    assert (quote.affordable, quote.plan["model"]) == (True, "tiny")
    with Client(served.url, served.account("poor", price_list="per-second")) as poor:
        quote = poor.quote("a red ball", **SMALL)
        assert quote.affordable is (quote.credits == 0)
        if quote.credits:
            with pytest.raises(InsufficientCredits) as error:
                poor.generate("a red ball", wait=False, **SMALL)
            assert (error.value.price, error.value.balance) == (quote.credits, 0)


def test_refusals(served: Served, client: Client):
    with pytest.raises(RequestRefused) as refused:
        client.generate("", width=13, sed=1)
    assert "unknown_field" in refused.value.codes
    with pytest.raises(RequestRefused) as refused:
        client.generate("x", width=130000, seconds=9999)
    assert {p.field for p in refused.value.problems} == {"width", "seconds"}
    with Client(served.url, "ltx_no_key") as stranger, pytest.raises(AccessDenied):
        stranger.get("018f0000-0000-7000-8000-000000000000")
    with Client(served.url, served.account("other")) as other, pytest.raises(NotFound):
        other.get(client.generate("a ball", wait=False, **SMALL).id)


def test_one_key_one_job(client: Client):
    first = client.generate("a ball", wait=False, idempotency_key="k1", **SMALL)
    assert client.generate("a ball", wait=False, idempotency_key="k1", **SMALL).id == first.id
    with pytest.raises(Conflict) as error:
        client.generate("a cube", wait=False, idempotency_key="k1", **SMALL)
    assert error.value.code == "idempotency_conflict"


def test_awaited(served: Served):
    key = served.account("awaited", 1000)

    async def run(tmp: Path) -> tuple[list[str], Path]:
        async with AsyncClient(served.url, key) as client:
            job = await client.generate("a ball", wait=False, **SMALL)
            kinds = []
            async for event in client.events(job.id):
                kinds.append(event.kind)
                if event.kind == "queued":
                    await asyncio.to_thread(served.finish, job.id)
            return kinds, await client.download(job, tmp)

    kinds, path = asyncio.run(run(served.folder))
    assert kinds == ["queued", "running", "succeeded"]
    assert probe(path).video is not None
