"""`AsyncClient` on real sockets: the same calls, awaited, many at a time."""

import asyncio
import hashlib
from pathlib import Path

import pytest

from ltxserve.client import AsyncClient, Client
from ltxserve.errors import OutOfMemory
from tests.unit.client.script import Reply, event, job, scripted


def test_both_clients_say_the_same_verbs():
    def verbs(kind: type) -> set[str]:
        return {name for name in vars(kind) if not name.startswith("_")}

    assert verbs(Client) == verbs(AsyncClient)


def test_generate_waits():
    async def run(url: str) -> str:
        async with AsyncClient(url) as client:
            return (await client.generate("a red ball")).state

    with scripted(Reply(202, job()), job("running"), job("succeeded")) as script:
        assert asyncio.run(run(script.url)) == "succeeded"


def test_events_over_a_broken_connection():
    async def run(url: str) -> list[str]:
        async with AsyncClient(url) as client:
            return [e.kind async for e in client.events("job-1")]

    first = Reply(body=event(1, "queued"), length=10_000, drop=True)
    with scripted(first, Reply(body=event(2, "failed"))) as script:
        assert asyncio.run(run(script.url)) == ["queued", "failed"]


def test_many_at_a_time():
    async def run(url: str) -> list[str]:
        async with AsyncClient(url) as client:
            return [j.id for j in await asyncio.gather(*(client.get("job-1") for _ in range(20)))]

    with scripted(job()) as script:
        assert asyncio.run(run(script.url)) == ["job-1"] * 20


def test_files_both_ways(tmp_path: Path):
    content = b"x" * 100_000
    found = {
        "url": "/f",
        "media_type": "video/mp4",
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    done = job("succeeded", artifacts={"video": found})
    (tmp_path / "in.png").write_bytes(b"png")

    async def run(url: str) -> Path:
        async with AsyncClient(url) as client:
            assert (await client.upload(tmp_path / "in.png")).id == "u"
            return await client.download("job-1", tmp_path / "out.mp4")

    upload = {"id": "u", "media_type": "image/png", "bytes": 3}
    with scripted(upload, done, Reply(body=content)) as script:
        assert asyncio.run(run(script.url)).read_bytes() == content


def test_the_rest():
    error = {"code": "out_of_memory", "message": "No.", "hint": ""}

    async def run(url: str) -> None:
        async with AsyncClient(url) as client:
            assert [j.id async for j in client.list()] == ["job-1"]
            assert (await client.page()).next_cursor is None
            assert (await client.quote("x")).credits == 3
            assert (await client.cancel("job-1")).id == "job-1"
            await client.delete("job-1")
            with pytest.raises(OutOfMemory):
                await client.stitch(["a"])

    page = {"data": [job()], "next_cursor": None}
    failed = job("failed", error=error)
    replies = [page, page, {"credits": 3}, job(), Reply(204), Reply(202, job()), failed]
    with scripted(*replies) as script:
        asyncio.run(run(script.url))
