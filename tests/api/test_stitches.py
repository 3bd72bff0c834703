"""Stitches over the wire: submitted, listed, refused."""

from tests.api.serving import Served
from tests.api.test_native import submit


def test_a_stitch_is_a_job(served: Served):
    clips = [submit(served)["id"] for _ in range(2)]
    for clip in clips:
        served.finish(clip)
    body = {
        "clips": [{"source": clip} for clip in clips],
        "transition": {"kind": "crossfade", "seconds": 0.1},
        "metadata": {"a": "b"},
    }
    with served.client(**{"Idempotency-Key": "stitch"}) as client:
        made = client.post("/api/stitches", json=body)
        assert made.status_code == 202, made.text
        assert client.post("/api/stitches", json=body).json()["id"] == made.json()["id"]
        view = made.json()
        assert (view["object"], view["state"], view["metadata"]) == ("stitch", "queued", {"a": "b"})
        assert [clip["source"] for clip in view["request"]["clips"]] == clips
        assert client.get("/api/stitches").json()["data"][0]["id"] == view["id"]
        assert client.get(view["links"]["self"]).json()["object"] == "stitch"


def test_a_stitch_is_judged_at_once(served: Served):
    waiting = submit(served)["id"]
    with served.client() as client:
        for body, code in (
            ({}, "clips_missing"),
            ({"clips": []}, "clips_missing"),
            ({"clips": [{"source": "/etc/passwd"}]}, "source_invalid"),
            ({"clips": [{"source": waiting}]}, "not_ready"),
            ({"clips": [{"source": waiting, "sped": 2}]}, "unknown_field"),
        ):
            answer = client.post("/api/stitches", json=body)
            assert answer.status_code == 422, answer.text
            assert code in {problem["code"] for problem in answer.json()["problems"]}, answer.text
