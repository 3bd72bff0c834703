"""The LTX API's shapes: synchronous clips, jobs to poll, uploads, its own errors."""

from typing import Any

import pytest

from ltxserve.media.encode import write_video
from ltxserve.media.sound import write_wav
from tests.api.serving import Served, sample
from tests.unit.media.samples import click, moving_clip, target

BODY = {"prompt": "a red ball", "model": "tiny", "duration": 0.375, "resolution": "128x128"}


def test_the_synchronous_call_answers_with_the_clip(served: Served):
    with served.client() as client, served.working():
        answer = client.post("/ltx/v1/text-to-video", json=BODY)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "video/mp4")
    assert answer.content[4:8] == b"ftyp"
    assert served.job(answer.headers["x-job-id"])["state"] == "succeeded"
    assert answer.headers["x-request-id"]


def test_submit_and_poll(served: Served):
    with served.client() as client:
        made = client.post("/ltx/v2/text-to-video", json=BODY)
        assert made.status_code == 202
        path = f"/ltx/v2/text-to-video/{made.json()['id']}"
        assert client.get(path).json()["status"] == "pending"
        served.finish(made.json()["id"])
        done = client.get(path).json()
        assert done["status"] == "completed"
    with served.client(Host="outside.example") as stranger:  # the link is the permission
        url = done["result"]["video_url"]
        assert url.startswith(served.url)
        assert stranger.get(url).content[4:8] == b"ftyp"


def test_failures_have_its_form(served: Served):
    with served.client() as client:
        job = client.post("/ltx/v2/text-to-video", json=BODY).json()["id"]
        served.fail(job)
        failed = client.get(f"/ltx/v2/text-to-video/{job}").json()
        assert (failed["status"], failed["error"]["code"]) == ("failed", "out_of_memory")
        missing = client.get("/ltx/v2/text-to-video/none")
        assert (missing.status_code, missing.json()["error"]["type"]) == (404, "not_found_error")


def test_upload_and_image_to_video(served: Served):
    picture = sample(served.folder, "p.png").read_bytes()
    with served.client() as client:
        offer = client.post("/ltx/v1/upload").json()
        assert set(offer) >= {"upload_url", "storage_uri", "expires_at", "required_headers"}
    with served.client(Host="outside.example") as stranger:
        sent = stranger.put(offer["upload_url"], content=picture, headers=offer["required_headers"])
        assert sent.status_code == 200, sent.text
        again = stranger.put(offer["upload_url"], content=picture)
        assert again.json()["error"]["code"] == "upload_exists"
        wrong = stranger.put(offer["upload_url"][:-3], content=picture)
        assert (wrong.status_code, wrong.json()["error"]["code"]) == (403, "link_invalid")
    with served.client() as client:
        body = {**BODY, "image_uri": offer["storage_uri"], "camera_motion": "dolly_in"}
        made = client.post("/ltx/v2/image-to-video", json=body)
        assert made.status_code == 202, made.text
    assert (
        served.job(made.json()["id"])["request"]["conditions"][0]["source"] in offer["storage_uri"]
    )


@pytest.mark.parametrize("mode", ["end", "start"])
def test_extend(served: Served, mode: str):
    movie = sample(served.folder, "video.mp4").read_bytes()
    with served.client() as client:
        offer = client.post("/ltx/v1/upload").json()
        client.put(offer["upload_url"], content=movie)
        body = {"video_uri": offer["storage_uri"], "duration": 1, "mode": mode, "prompt": "on"}
        made = client.post("/ltx/v2/extend", json=body)
        assert made.status_code == 202, made.text
    job = served.job(made.json()["id"])
    asked = job["request"]["extend"]
    assert job["num_frames"] == asked["source_frames"] + round(job["fps"])
    assert asked.get("direction", "end") == mode


def test_retake(served: Served):
    movie = served.folder / "long.mp4"
    clip = moving_clip(73, 128, 128)
    write_video([clip], target(movie, clip), None)
    body: dict[str, Any] = {"start_time": 0.5, "duration": 2, "mode": "replace_video"}
    with served.client() as client:
        offer = client.post("/ltx/v1/upload").json()
        client.put(offer["upload_url"], content=movie.read_bytes())
        body["video_uri"] = offer["storage_uri"]
        made = client.post("/ltx/v2/retake", json=body)
        assert made.status_code == 202, made.text
        beyond = client.post("/ltx/v2/retake", json={**body, "start_time": 2})
    assert "reaches beyond the source" in beyond.json()["error"]["message"]
    job = served.job(made.json()["id"])
    assert job["num_frames"] == 73
    asked = job["request"]["retake"]
    assert (asked["start"], asked["end"], asked["audio"]) == (0.5, 2.5, False)


def test_audio_to_video(served: Served):
    path = served.folder / "tone.wav"
    write_wav(click(0.5, 1.5), path)
    with served.client() as client:
        offer = client.post("/ltx/v1/upload").json()
        client.put(offer["upload_url"], content=path.read_bytes())
        body = {"audio_uri": offer["storage_uri"], "prompt": "a ball"}
        made = client.post("/ltx/v2/audio-to-video", json=body)
        assert made.status_code == 202, made.text
    job = served.job(made.json()["id"])
    assert job["num_frames"] == 33
    assert job["request"]["sound"]["source_seconds"] == 1.5


@pytest.mark.parametrize(
    ("endpoint", "body", "kind"),
    [
        ("text-to-video", {}, "invalid_request_error"),
        (
            "text-to-video",
            {**BODY, "model": "ltx-2.5-22b-lite", "resolution": "1920x1080"},
            "invalid_request_error",
        ),
        ("text-to-video", {**BODY, "resolution": "1920x1080"}, "invalid_request_error"),
        ("audio-to-video", {"audio_uri": "https://x.example/a.wav"}, "invalid_request_error"),
        (
            "retake",
            {"video_uri": "https://x.example/a.mp4", "start_time": 0, "duration": 2},
            "invalid_request_error",
        ),
        ("no-such-thing", {}, "invalid_request_error"),
        ("extend", {"video_uri": "ltx://uploads/none", "duration": 2}, "invalid_request_error"),
    ],
)
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_refusals(served: Served, version: str, endpoint: str, body: dict[str, Any], kind: str):
    with served.client() as client:
        answer = client.post(f"/ltx/{version}/{endpoint}", json=body)
    assert answer.status_code == 400, answer.text
    assert (answer.json()["type"], answer.json()["error"]["type"]) == ("error", kind)
    assert answer.json()["error"]["message"]


def test_its_model_names_are_known(served: Served):
    with served.client() as client:
        for name in ("ltx-2-3-fast", "ltx-2-3-pro", "ltx-2-5-fast", "ltx-2-5-pro", "ltx-2-fast"):
            answer = client.post("/ltx/v2/text-to-video", json={"prompt": "x", "model": name})
            assert "No model is named" not in answer.text, answer.text
