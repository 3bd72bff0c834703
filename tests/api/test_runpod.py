"""The official runpod SDK's Endpoint client, and the platform's own quirks."""

import base64
from collections.abc import Iterator
from typing import Any

import pytest
import runpod

from tests.api.serving import PATIENCE, Served

INPUT = {"prompt": "a red ball", "width": 128, "height": 128, "num_frames": 9, "steps": 2}


@pytest.fixture
def endpoint(served: Served) -> Iterator[Any]:
    """The SDK on our server; it reads its address from a variable of its module."""
    before = runpod.endpoint_url_base
    runpod.endpoint_url_base = f"{served.url}/runpod/v2"
    made = runpod.Endpoint("tiny", api_key="rpa_anything")
    yield made
    made.rp_client.rp_session.close()
    runpod.endpoint_url_base = before


def test_run_status_and_output(served: Served, endpoint: Any):
    run = endpoint.run({"input": INPUT})
    assert run.status() == "IN_QUEUE"
    job = served.start(run.job_id)
    served.progress(job, step=1, of=2, percent=40)
    assert run.status() == "IN_PROGRESS"
    assert run.output()["percent"] == 40
    with served.app.database.begin() as conn:
        served.app.generations.endings.cancel(conn, job)
    assert run.status() == "CANCELLED"


def test_a_finished_job_gives_its_clip(served: Served, endpoint: Any):
    run = endpoint.run(INPUT)
    served.finish(run.job_id)
    output = run.output(timeout=PATIENCE)
    assert (output["ok"], output["mode"], output["meta"]["width"]) == (True, "t2v", 128)
    with served.client(Host="outside.example") as stranger:
        assert stranger.get(output["video_url"]).content[4:8] == b"ftyp"


def test_run_sync(served: Served, endpoint: Any):
    with served.working():
        output = endpoint.run_sync({"input": {**INPUT, "return_base64": True}}, timeout=PATIENCE)
    assert base64.b64decode(output["video"]["base64"])[4:8] == b"ftyp"


def test_run_sync_gives_up_waiting_but_not_the_job(served: Served):
    with served.client() as client:
        answer = client.post("/runpod/v2/tiny/runsync?wait=1000", json={"input": INPUT}).json()
        assert answer["status"] == "IN_QUEUE"
        assert client.get(f"/runpod/v2/tiny/status/{answer['id']}").json()["status"] == "IN_QUEUE"


def test_stream_hands_out_each_chunk_once_and_ends(served: Served, endpoint: Any):
    run = endpoint.run({"input": INPUT})
    job = served.start(run.job_id)
    served.progress(job, step=1, of=2)
    with served.client() as client:
        first = client.get(f"/runpod/v2/tiny/stream/{run.job_id}").json()
        assert [chunk["output"]["step"] for chunk in first["stream"]] == [1]
        assert client.get(f"/runpod/v2/tiny/stream/{run.job_id}").json()["stream"] == []
    served.complete(job)
    chunks = list(run.stream())
    assert chunks[-1]["ok"] is True


def test_a_cancelled_stream_ends_too(served: Served, endpoint: Any):
    run = endpoint.run({"input": INPUT})
    assert run.cancel()["status"] == "CANCELLED"
    assert list(run.stream()) == []


def test_a_failed_job_says_why(served: Served, endpoint: Any):
    run = endpoint.run({"input": INPUT})
    served.fail(run.job_id)
    assert run.status() == "FAILED"
    with served.client() as client:
        status = client.get(f"/runpod/v2/tiny/status/{run.job_id}").json()
    assert status["error"] == "No memory. Go smaller."
    assert status["executionTime"] >= 0


def test_a_refusal_names_every_problem_in_the_words_that_were_used(served: Served):
    given = {
        "prompt": "x",
        "steps": 100_000,
        "image_base64": "AAAA",
        "mode": "t2v",
        "prompts": ["a"],
        "lenght": 9,
    }
    with served.client() as client:
        answer = client.post("/runpod/v2/tiny/run", json={"input": given})
    assert answer.status_code == 400
    said = answer.text
    assert all(word in said for word in ("steps", "mode", "prompts", "lenght"))
    assert "num_inference_steps:" not in said


def test_health_and_purge(served: Served):
    key = served.account("purge", price_list="free")
    with served.client(Authorization=key) as client:  # the bare key, as RunPod's pages show it
        for name in ("mine", "mine", "other"):
            made = client.post(f"/runpod/v2/{name}/run", json={"input": {"prompt": "x"}})
            assert made.json()["status"] == "IN_QUEUE", made.text
        health = client.get("/runpod/v2/mine/health").json()
        assert health["jobs"]["inQueue"] == 3
        assert health["workers"] == {"idle": 1, "running": 0}
        assert client.post("/runpod/v2/mine/purge-queue").json() == {
            "removed": 2,
            "status": "completed",
        }
        assert client.get("/runpod/v2/mine/health").json()["jobs"]["inQueue"] == 1


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "tiny/run", {}, 400),
        ("POST", "tiny/run", {"input": {"prompt": ""}}, 400),
        ("POST", "tiny/run", {"input": {"prompt": "x", "odd": 1}}, 400),
        ("GET", "tiny/status/none", None, 404),
        ("POST", "tiny/cancel/none", None, 404),
        ("GET", "tiny/nothing", None, 404),
    ],
)
def test_refusals(served: Served, method: str, path: str, body: Any, status: int):
    with served.client() as client:
        answer = client.request(method, f"/runpod/v2/{path}", json=body)
    assert answer.status_code == status
    assert answer.json()["error"]


def test_a_wrong_key_is_said_as_the_sdk_knows_it(served: Served):
    before = runpod.endpoint_url_base
    runpod.endpoint_url_base = f"{served.url}/runpod/v2"
    wrong = runpod.Endpoint("tiny", api_key="ltx_wrong")
    with pytest.raises(RuntimeError, match="401"):
        wrong.health()
    wrong.rp_client.rp_session.close()
    runpod.endpoint_url_base = before
