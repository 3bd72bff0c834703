"""The native API over the wire: jobs, files, refusals."""

import hashlib
import json
from typing import Any

import httpx
import pytest

from tests.api.serving import Served

SMALL = {"prompt": "a red ball moves right", "width": 128, "height": 128, "num_frames": 9}


def submit(served: Served, **fields: Any) -> dict[str, Any]:
    with served.client() as client:
        answer = client.post("/api/generations", json={**SMALL, **fields})
    assert answer.status_code == 202, answer.text
    return answer.json()


def test_a_job_from_submit_to_file(served: Served):
    job = submit(served, metadata={"mine": "1"})
    assert (job["state"], job["progress"]["queue_position"]) == ("queued", 1)
    assert job["plan"]["model"] == "tiny"
    served.finish(job["id"])
    with served.client() as client:
        done = client.get(job["links"]["self"]).json()
        assert (done["state"], done["metadata"], done["error"]) == (
            "succeeded",
            {"mine": "1"},
            None,
        )
        video = done["artifacts"]["video"]
        answer = client.get(video["url"])
    assert answer.headers["content-type"] == "video/mp4"
    assert hashlib.sha256(answer.content).hexdigest() == video["sha256"]
    assert len(answer.content) == video["bytes"]
    assert "a-red-ball" in answer.headers["content-disposition"]


def test_files_in_parts_and_not_again(served: Served):
    job = submit(served)
    served.finish(job["id"])
    url = f"/api/generations/{job['id']}/content"
    with served.client() as client:
        whole = client.get(url)
        part = client.get(url, headers={"Range": "bytes=5-9"})
        assert (part.status_code, part.content) == (206, whole.content[5:10])
        assert part.headers["content-range"] == f"bytes 5-9/{len(whole.content)}"
        tag = whole.headers["etag"]
        assert client.get(url, headers={"If-None-Match": tag}).status_code == 304
        old = {"Range": "bytes=0-0", "If-Range": '"other"'}
        assert client.get(url, headers=old).status_code == 200
        beyond = client.get(url, headers={"Range": "bytes=99999999-"})
        assert (beyond.status_code, beyond.json()["code"]) == (416, "range_invalid")
        assert beyond.headers["content-range"] == f"bytes */{len(whole.content)}"
        head = client.head(url)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-length"] == str(len(whole.content))
        picture = client.get(f"/api/generations/{job['id']}/thumbnail")
        assert picture.headers["content-type"] == "image/png"
        assert client.get(url, params={"variant": "audio"}).json()["code"] == "file_not_found"
        assert (
            "attachment"
            in client.head(url, params={"download": "1"}).headers["content-disposition"]
        )


def test_an_unfinished_job_has_no_file(served: Served):
    job = submit(served)
    with served.client() as client:
        answer = client.get(f"/api/generations/{job['id']}/content")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_ready")


def test_batches(served: Served):
    parent = submit(served, prompts=["a red ball", "a blue box"], count=2)
    assert (parent["object"], len(parent["children"])) == ("batch", 4)
    with served.client() as client:
        found = client.get("/api/generations", params={"parent_id": parent["id"]}).json()
        assert len(found["data"]) == 4
        gone = client.post(f"/api/generations/{parent['id']}/cancel").json()
        assert gone["state"] == "cancelled"


def test_listing_with_cursor_and_filter(served: Served):
    jobs = [submit(served)["id"] for _ in range(3)]
    with served.client() as client:
        first = client.get("/api/generations", params={"limit": 2, "state": "queued"}).json()
        assert [job["id"] for job in first["data"]] == jobs[:0:-1]
        cursor = {"limit": 2, "state": "queued", "cursor": first["next_cursor"]}
        assert client.get("/api/generations", params=cursor).json()["data"][0]["id"] == jobs[0]
        none = client.get("/api/generations", params={"dialect": "nobody"}).json()
        assert (none["data"], none["has_more"]) == ([], False)


def test_the_same_key_is_the_same_job(served: Served):
    with served.client(**{"Idempotency-Key": "once"}) as client:
        first = client.post("/api/generations", json=SMALL)
        again = client.post("/api/generations", json=SMALL)
        other = client.post("/api/generations", json={**SMALL, "seed": 5})
    assert first.json()["id"] == again.json()["id"]
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")


def test_cancel_and_delete(served: Served):
    job = submit(served)["id"]
    with served.client() as client:
        assert client.post(f"/api/generations/{job}/cancel").json()["state"] == "cancelled"
        assert client.delete(f"/api/generations/{job}").status_code == 204
        assert client.get(f"/api/generations/{job}").status_code == 404
    running = submit(served)["id"]
    served.start(running)
    with served.client() as client:
        assert client.delete(f"/api/generations/{running}").json()["code"] == "job_not_finished"


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({"promt": "x"}, "promt", "unknown_field"),
        ({**SMALL, "width": 100}, "width", "size_out_of_range"),
        ({**SMALL, "count": "x"}, "count", "invalid_field"),
        ({**SMALL, "model": "ltx-2.5-22b-dvt"}, "model", "unknown_model"),
        (
            {**SMALL, "conditions": [{"source": "/etc/passwd"}]},
            "conditions.0.source",
            "source_invalid",
        ),
        (
            {**SMALL, "conditions": [{"source": "file:///etc/passwd"}]},
            "conditions.0.source",
            "source_invalid",
        ),
        ({**SMALL, "webhook_url": "ftp://x/"}, "webhook_url", "url_refused"),
    ],
)
def test_refusals_name_the_field(served: Served, body: dict[str, Any], field: str, code: str):
    with served.client() as client:
        answer = client.post("/api/generations", json=body)
    problems = answer.json()["problems"]
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert (code, field) in {(problem["code"], problem["field"]) for problem in problems}


@pytest.mark.parametrize(
    "path",
    [
        "/api/generations/nothing",
        "/api/generations/0192f0c1-2345-7abc-8def-0123456789ab",
        "/api/none",
        "/api/models/none",
    ],
)
def test_what_is_not_there(served: Served, path: str):
    with served.client() as client:
        answer = client.get(path)
    assert answer.status_code == 404
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b'{"prompt": NaN}', b'{"prompt": "\\u0000"}', b"\xff"]
)
def test_bodies_that_are_no_json(served: Served, body: bytes):
    with served.client() as client:
        answer = client.post("/api/generations", content=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "body_invalid")


def test_a_body_beyond_the_limit(served: Served):
    def endless() -> Any:
        for _ in range(40):
            yield b" " * 2**20

    with served.client() as client, pytest.MonkeyPatch.context():
        try:
            answer = client.post("/api/generations", content=endless())
        except httpx.WriteError:
            return  # the server had said enough
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


def test_adapters_are_named_by_the_catalog_and_never_by_a_path(served: Served):
    row = {"name_or_path": "ic-detailer", "strength": 0.5}
    asked = {"prompt": "a ball", "model": "ltx-2-fast", "camera_motion": "dolly_in"}
    with served.client() as client:
        answer = client.post("/api/quote", json={**asked, "loras": [row]})
        used = [(lora["name"], lora["strength"]) for lora in answer.json()["plan"]["loras"]]
        assert used == [("camera-dolly-in", 1.0), ("ic-detailer", 0.5)]
        for path in ("/etc/x.safetensors", "x.safetensors ", "..\\x"):
            use = {"name_or_path": path}
            answer = client.post("/api/generations", json={**SMALL, "loras": [use]})
            assert answer.status_code == 422
            problems = answer.json()["problems"]
            assert [(p["code"], p["field"]) for p in problems] == [
                ("unknown_lora", "loras.0.name_or_path")
            ]


def test_methods_and_offers(served: Served):
    with served.client() as client:
        assert client.put("/api/generations").json()["code"] == "method_not_allowed"
        names = {model["name"]: model for model in client.get("/api/models").json()["data"]}
        assert names["tiny"]["runs"]
        assert client.get("/api/models/ltx-2-3-fast").json()["name"] != "ltx-2-3-fast"
        assert client.get("/api/presets").json()["data"]
        assert client.get("/api/loras").json()["data"]
        codes = client.get("/api/errors").json()["data"]
        assert client.get(f"/api/errors/{codes[0]['code']}").json() == codes[0]
        quote = client.post("/api/quote", json=SMALL).json()
        assert (quote["credits"], quote["jobs"], quote["plan"]["model"]) == (0, 1, "tiny")


def test_health_metrics_and_description(served: Served):
    with served.client() as client:
        assert client.get("/healthz").json()["status"] == "ok"
        assert client.get("/readyz").json() == {
            "status": "ready",
            "checks": {"database": "ok", "workers": "ok"},
        }
        text = client.get("/metrics").text
        assert 'ltxserve_slots{device="cpu",state="ready"} 1.0' in text
        assert "ltxserve_queue_depth" in text
        schema = client.get("/openapi.json").json()
    assert "ProblemDetails" in schema["components"]["schemas"]
    assert "Condition" in schema["components"]["schemas"]
    assert "`insufficient_credits`" in json.dumps(
        schema["paths"]["/api/generations"]["post"]["responses"]["402"]
    )
