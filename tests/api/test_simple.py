"""The simple dialect, driven by a client as an editor's add-on has it."""

import time
from typing import Any

import httpx
import pytest

from tests.api.serving import PATIENCE, Served, sample


class EditorClient:
    """Generate (wait or not, time-out), status, result: written from the specification alone."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=PATIENCE)

    def __enter__(self) -> "EditorClient":
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def generate(
        self, prompt: str, wait: bool = False, timeout: float = PATIENCE, **fields: Any
    ) -> str:
        answer = self._http.post("/api/generate", json={"prompt": prompt, **fields})
        answer.raise_for_status()
        job_id = answer.json()["job_id"]
        deadline = time.monotonic() + timeout
        while wait and self.status(job_id)["status"] not in ("completed", "failed"):
            assert time.monotonic() < deadline
        return job_id

    def status(self, job_id: str) -> dict[str, Any]:
        return self._http.get(f"/api/status/{job_id}").raise_for_status().json()

    def result(self, job_id: str) -> bytes:
        return self._http.get(f"/api/result/{job_id}").raise_for_status().content


# What the specification lists, sent whole, as a form with all its defaults filled in does.
ALL = {
    "height": 480,
    "width": 704,
    "num_frames": 121,
    "seed": 42,
    "guidance_scale": 3.0,
    "num_inference_steps": 40,
    "stg_scale": 1.0,
    "stg_rescale": 0.7,
    "stg_mode": "attention_values",
    "stg_layers": [19],
    "fps": 25,
    "negative_prompt": "worst quality, inconsistent motion, blurry, jittery, distorted",
}


@pytest.mark.parametrize("fields", [{}, ALL], ids=["defaults", "all fields"])
def test_a_client_of_the_specification_works_unchanged(served: Served, fields: dict[str, Any]):
    with EditorClient(served.url) as editor, served.working():
        job = editor.generate("a red ball moves right", wait=True, **fields)
        assert editor.status(job)["progress"] == 100
        assert editor.result(job)[4:8] == b"ftyp"


def test_states_and_what_was_fitted(served: Served):
    with EditorClient(served.url) as editor:
        job_id = editor.generate("a red ball", colour="red", **ALL)
        waiting = editor.status(job_id)
        assert (waiting["status"], waiting["seed"], waiting["num_frames"]) == ("queued", 42, 121)
        assert any("704x480" in note for note in waiting["warnings"])
        assert any("colour" in note for note in waiting["warnings"])
        job = served.start(job_id)
        served.progress(job, percent=30, step=1, of=2)
        assert (editor.status(job_id)["status"], editor.status(job_id)["progress"]) == (
            "processing",
            30,
        )


@pytest.mark.parametrize(
    ("verb", "path", "status"),
    [
        ("GET", "/api/status/none", 404),
        ("GET", "/api/result/none", 404),
        ("GET", "/api/status/0192f0c1-2345-7abc-8def-0123456789ab", 404),
        ("POST", "/api/generate", 400),
    ],
)
def test_errors(served: Served, verb: str, path: str, status: int):
    with served.client() as client:
        answer = client.request(verb, path)
    assert answer.status_code == status
    assert answer.json()["error"]


def test_what_is_not_ready_is_a_400(served: Served):
    with EditorClient(served.url) as editor, served.client() as client:
        answer = client.get(f"/api/result/{editor.generate('a red ball')}")
    assert (answer.status_code, answer.json()["code"]) == (400, "not_ready")


def test_a_failed_job_says_why(served: Served):
    with EditorClient(served.url) as editor:
        job = editor.generate("a red ball")
        served.fail(job)
        assert (editor.status(job)["status"], editor.status(job)["error"]) == (
            "failed",
            "No memory. Go smaller.",
        )


def test_forms_pictures_and_the_short_address(served: Served):
    picture = sample(served.folder, "p.png").read_bytes()
    with served.client() as client:
        form = client.post(
            "/generate", data={"prompt": "x", "steps": "4"}, files={"image": ("p.png", picture)}
        )
        assert form.status_code == 202, form.text
    asked = served.job(form.json()["id"])["request"]
    assert (asked["num_inference_steps"], len(asked["conditions"])) == (4, 1)


def test_stitch_takes_variables_per_clip(served: Served):
    with EditorClient(served.url) as editor, served.client() as client:
        clips = [editor.generate("a red ball") for _ in range(2)]
        for clip in clips:
            served.finish(clip)
        body = {"clips": [clips[0], {"source": clips[1], "speed": 2, "volume": 0.5, "start": 0.1}]}
        answer = client.post("/stitch", json=body)
        assert answer.status_code == 202, answer.text
        asked = served.job(answer.json()["id"])["request"]
        assert [clip["source"] for clip in asked["clips"]] == clips
        assert asked["clips"][1]["speed"] == 2
        bad = client.post("/stitch", json={"clips": [{"source": "none"}, {"prompt": "x"}]})
        assert bad.status_code == 400
