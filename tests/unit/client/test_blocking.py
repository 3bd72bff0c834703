"""`Client` on real sockets: keys, waiting, streams that break, everything closed at the end."""

import pytest

from ltxserve.client import Client, Connection
from ltxserve.errors import OutOfMemory, RequestRefused, ServiceUnavailable
from tests.unit.client.script import Reply, event, job, problem, scripted

DONE = job("succeeded", seed=7)


def test_generate_waits_and_shows_its_key():
    replies = [Reply(202, job()), job("running"), DONE]
    with scripted(*replies) as script, Client(script.url, "ltx_key") as client:
        made = client.generate("a red ball", seed=7, num_frames=9)
    assert (made.state, made.seed) == ("succeeded", 7)
    assert script.asked[0].json == {"prompt": "a red ball", "seed": 7, "num_frames": 9}
    assert {asked.headers["authorization"] for asked in script.asked} == {"Bearer ltx_key"}


def test_a_failed_job_raises_its_error():
    failed = job("failed", error={"code": "out_of_memory", "message": "No.", "hint": "Smaller."})
    with scripted(Reply(202, job()), failed) as script, Client(script.url) as client:
        with pytest.raises(OutOfMemory) as error:
            client.generate("x")
        assert client.wait("job-1").state == "failed"
    assert error.value.hint == "Smaller."


def test_waiting_no_longer_than_asked():
    with (
        scripted(Reply(202, job()), job("running")) as script,
        Client(script.url) as client,
        pytest.raises(ServiceUnavailable) as error,
    ):
        client.generate("x", timeout=0.05)
    assert error.value.code == "wait_timed_out"


def test_refusals_keep_their_problems():
    found = [{"code": "prompt_empty", "message": "Empty.", "hint": "Write.", "field": "prompt"}]
    refusal = problem(422, "request_refused", problems=found)
    with (
        scripted(refusal) as script,
        Client(script.url) as client,
        pytest.raises(RequestRefused) as error,
    ):
        client.quote("")
    assert error.value.codes == ("prompt_empty",)


def test_events_over_a_broken_connection():
    first = Reply(body=event(1, "queued") + event(2, "running"), length=10_000, drop=True)
    rest = Reply(body=event(3, "succeeded"))
    with scripted(first, rest) as script, Client(script.url) as client:
        assert [e.kind for e in client.events("job-1")] == ["queued", "running", "succeeded"]
    assert script.asked[1].headers["last-event-id"] == "2"


def test_a_listener_may_leave():
    with (
        scripted(Reply(body=event(1, "queued") + event(2, "running"))) as script,
        Client(script.url) as client,
    ):
        assert next(iter(client.events("job-1"))).seq == 1
        listening = client.events("job-1")
        next(listening)
        del listening


def test_lists_and_pages():
    page = {"data": [job(), job()], "next_cursor": None}
    with scripted(page) as script, Client(script.url) as client:
        assert len(list(client.list(state="queued"))) == 2
        assert len(client.page(limit=2).jobs) == 2
    assert [asked.path for asked in script.asked] == [
        "/api/generations?state=queued",
        "/api/generations?limit=2",
    ]


def test_the_rest():
    with scripted(job("cancelled")) as script, Client(script.url) as client:
        assert client.cancel("job-1").state == client.get("job-1").state == "cancelled"
        client.delete("job-1")
        assert client.stitch(["a"], wait=False).id == "job-1"
    assert [a.method for a in script.asked] == ["POST", "GET", "DELETE", "POST"]


def test_nobody_there():
    connection = Connection("http://127.0.0.1:9", timeout=0.2)
    with Client(connection) as client, pytest.raises(ServiceUnavailable) as error:
        client.get("job-1")
    assert error.value.code == "service_unreachable"
