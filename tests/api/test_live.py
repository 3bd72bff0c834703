"""Progress over SSE and WebSocket: in order, resumable, ended, and never the job's end."""

import json
import threading
from typing import Any

import pytest
import sqlalchemy as sa
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from ltxserve.db.tables import job_events, jobs
from ltxserve.jobs import store
from tests.api.serving import PATIENCE, Served
from tests.api.test_native import submit


def heard(served: Served, job_id: str, **headers: str) -> list[dict[str, Any]]:
    """Every event of a stream that ends by itself."""
    found: list[dict[str, Any]] = []
    with (
        served.client(**headers) as client,
        client.stream("GET", f"/api/generations/{job_id}/events") as answer,
    ):
        assert answer.headers["content-type"].startswith("text/event-stream")
        entry: dict[str, str] = {}
        for line in answer.iter_lines():
            name, _, value = line.partition(": ")
            if line:
                entry[name] = value
            elif "data" in entry:
                found.append(
                    {"id": int(entry["id"]), "event": entry["event"], **json.loads(entry["data"])}
                )
                entry = {}
    return found


def ended(served: Served) -> str:
    """A job with five events, the last of them its end."""
    job_id = submit(served)["id"]
    job = served.start(job_id)
    served.progress(job, step=1, of=2)
    served.progress(job, step=2, of=2)
    with served.app.database.begin() as conn:
        served.app.generations.endings.fail(conn, job, {"code": "out_of_memory", "message": "x"})
    return job_id


def test_a_stream_has_every_event_in_order(served: Served):
    job = ended(served)
    events = heard(served, job)
    assert [event["id"] for event in events] == [1, 2, 3, 4, 5]
    assert [event["event"] for event in events] == [
        "queued",
        "running",
        "progress",
        "progress",
        "failed",
    ]
    assert events[2]["data"]["step"] == 1
    assert all(event["seq"] == event["id"] and event["job_id"] == job for event in events)


def test_it_goes_on_after_the_last_seen_event(served: Served):
    job = ended(served)
    assert [event["id"] for event in heard(served, job, **{"Last-Event-ID": "3"})] == [4, 5]
    # A number of another life is no reason to wait for ever.
    assert len(heard(served, job, **{"Last-Event-ID": "999"})) == 5


def test_who_has_seen_the_end_is_told_to_stop(served: Served):
    job = ended(served)
    with served.client(**{"Last-Event-ID": "5"}) as client:
        assert client.get(f"/api/generations/{job}/events").status_code == 204
        assert client.get("/api/generations/none/events").status_code == 404


def test_events_come_while_they_happen_and_leaving_ends_nothing(served: Served):
    job_id = submit(served)["id"]
    path = f"/api/generations/{job_id}/events"
    with served.client() as client, client.stream("GET", path) as answer:
        lines = answer.iter_lines()
        while not next(lines).startswith("event: queued"):
            pass
        job = served.start(job_id)
        while not next(lines).startswith("event: running"):
            pass
    served.progress(job, step=1, of=1)
    with served.client() as client:
        assert client.get(f"/api/generations/{job_id}").json()["state"] == "running"
        client.post(f"/api/generations/{job_id}/cancel")


def test_many_listeners_hear_the_same(served: Served):
    job_id = submit(served)["id"]
    results: list[list[int]] = []

    def listen() -> None:
        results.append([event["id"] for event in heard(served, job_id)])

    threads = [threading.Thread(target=listen) for _ in range(12)]
    for thread in threads:
        thread.start()
    served.finish(job_id)
    for thread in threads:
        thread.join(PATIENCE)
    assert results == [[1, 2, 3]] * 12


def connected(url: str) -> ClientConnection:
    return connect(url, open_timeout=PATIENCE, close_timeout=PATIENCE)


def address(served: Served, job_id: str) -> str:
    return served.url.replace("http", "ws") + f"/api/generations/{job_id}/ws"


def test_a_socket_has_every_event_and_closes(served: Served):
    job = ended(served)
    with connected(address(served, job)) as socket:
        events = [json.loads(text) for text in socket]
        assert [event["seq"] for event in events] == [1, 2, 3, 4, 5]
    with connected(address(served, job) + "?after=3") as socket:
        assert [json.loads(text)["kind"] for text in socket] == ["progress", "failed"]


def test_what_a_client_says_is_ignored(served: Served):
    job_id = submit(served)["id"]
    with connected(address(served, job_id)) as socket:
        socket.send("hello")
        socket.send(b"also in bytes")
        assert json.loads(socket.recv())["kind"] == "queued"
        served.fail(job_id)
        assert [json.loads(text)["kind"] for text in socket] == ["running", "failed"]


def test_a_job_that_is_removed_under_its_listeners(
    served: Served, caplog: pytest.LogCaptureFixture
):
    job_id = submit(served)["id"]
    with (
        connected(address(served, job_id)) as socket,
        served.client() as client,
        client.stream("GET", f"/api/generations/{job_id}/events") as answer,
    ):
        assert json.loads(socket.recv())["kind"] == "queued"
        lines = answer.iter_lines()
        assert any(line.startswith("event: queued") for line in lines)
        with served.app.database.begin() as conn:
            conn.execute(sa.delete(job_events).where(job_events.c.job_id == job_id))
            conn.execute(sa.update(jobs).where(jobs.c.id == job_id).values(state="failed"))
            assert store.delete(conn, job_id)
        assert json.loads(socket.recv())["code"] == "job_not_found"
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv()
        assert not any(line.startswith("event:") for line in lines)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4404
    assert "a bug" not in caplog.text


@pytest.mark.parametrize("job_id", ["none", "0192f0c1-2345-7abc-8def-0123456789ab"])
def test_a_socket_of_nothing_is_refused_with_the_status(served: Served, job_id: str):
    with connected(address(served, job_id)) as socket:
        assert json.loads(socket.recv())["code"] == "job_not_found"
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4404
