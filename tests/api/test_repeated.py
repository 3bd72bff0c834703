"""The same Idempotency-Key is the same job: in every dialect, and with files sent again."""

from typing import Any

import httpx
import pytest

from tests.api.serving import Served, sample

SIZE = {"width": 128, "height": 128, "num_frames": 9}
ASKED: dict[str, dict[str, Any]] = {
    "/api/generations": {"prompt": "a ball", **SIZE},
    "/v1/videos": {"prompt": "a ball", **SIZE},
    "/api/generate": {"prompt": "a ball", **SIZE},
    "/ltx/v2/text-to-video": {"prompt": "a ball", "duration": 1},
    "/runpod/v2/any/run": {"input": {"prompt": "a ball", **SIZE}},
}


def post(client: httpx.Client, path: str, key: str, **body: Any) -> httpx.Response:
    return client.post(path, headers={"Idempotency-Key": key}, **body)


@pytest.mark.parametrize("path", ASKED)
def test_in_every_dialect(served: Served, path: str):
    with served.client() as client:
        first, again = (post(client, path, f"key{path}", json=ASKED[path]) for _ in range(2))
        assert first.is_success
        assert first.json()["id"] == again.json()["id"]
        text = str(ASKED[path]).replace("a ball", "a cube").replace("'", '"')
        other = post(client, path, f"key{path}", content=text)
        assert "idempotency_conflict" in other.text


def test_the_synchronous_call_answers_with_the_first_clip(served: Served):
    asked = {"json": {"prompt": "a ball", "duration": 1}}
    with served.client() as client, served.working():
        made = [post(client, "/ltx/v1/text-to-video", "key-of-v1", **asked) for _ in range(2)]
    assert made[0].headers["x-job-id"] == made[1].headers["x-job-id"]


@pytest.mark.parametrize(
    ("path", "field", "name"),
    [
        ("/v1/videos", "input_reference", "p.png"),
        ("/v1/videos/edits", "video", "v.mp4"),
        ("/v1/videos/extensions", "video", "v.mp4"),
        ("/api/generate", "image", "p.png"),
    ],
)
def test_with_a_file(served: Served, path: str, field: str, name: str):
    content = sample(served.folder, name).read_bytes()
    fields = {"prompt": "it turns blue"} | ({"seconds": "1"} if "extensions" in path else {})
    with served.client() as client:
        first, again = (
            post(client, path, f"file{path}", data=fields, files={field: (name, content)})
            for _ in range(2)
        )
        assert first.is_success, first.text
        assert first.json()["id"] == again.json()["id"]


def test_with_an_upload_that_is_gone(served: Served):
    content = sample(served.folder, "p.png").read_bytes()
    with served.client() as client:
        upload = client.post("/api/uploads", files={"file": content}).json()["id"]
        asked = {"prompt": "a ball", **SIZE, "conditions": [{"source": upload}]}
        first = post(client, "/api/generations", "gone", json=asked)
        assert first.status_code == 202, first.text
        client.delete(f"/api/uploads/{upload}")
        again = post(client, "/api/generations", "gone", json=asked)
        assert first.json()["id"] == again.json()["id"]
