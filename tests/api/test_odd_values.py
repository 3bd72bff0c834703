"""One odd value in an otherwise good body, in every dialect: refused with a code, or taken."""

from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st

from tests.api.serving import Served

NATIVE = {"prompt": "a red ball", "model": "tiny", "width": 128, "height": 128, "num_frames": 9}
OPENAI = {"prompt": "a red ball", "model": "tiny", "size": "128x128", "seconds": "0.375"}
LTX = {"prompt": "a red ball", "model": "tiny", "resolution": "128x128", "duration": 0.4}
SIMPLE = {"prompt": "a red ball", "width": 128, "height": 128, "num_frames": 9, "steps": 2}
CLIP = {"source": "0192f0c1-2345-7abc-8def-0123456789ab"}

FIELDS = {
    "/api/generations": [
        NATIVE,
        *("prompt", "model", "preset", "width", "size", "aspect_ratio", "seconds", "fps", "seed"),
        *("sigmas", "stg_blocks", "conditions", "loras", "controls", "upscale", "output", "audio"),
        *("prompts", "count", "webhook_url", "priority", "metadata", "timeout_seconds", "odd"),
        *("camera_motion", "negative_prompt", "guidance_scale", "num_inference_steps"),
    ],
    "/api/quote": [NATIVE, "prompt", "model", "conditions", "count", "prompts", "num_frames"],
    "/v1/videos": [
        OPENAI,
        *("prompt", "model", "seconds", "size", "input_reference", "metadata", "conditions"),
        *("webhook_url", "priority", "n", "seed", "output"),
    ],
    "/v1/videos/edits": [{"prompt": "x", "video": {"id": "x"}}, "prompt", "video"],
    "/v1/videos/extensions": [{"prompt": "x", "seconds": "1"}, "prompt", "video", "seconds"],
    "/ltx/v2/text-to-video": [
        LTX,
        *("prompt", "model", "duration", "resolution", "fps", "camera_motion", "seed"),
    ],
    "/ltx/v2/image-to-video": [{**LTX, "image_uri": "x"}, "image_uri", "last_frame_uri"],
    "/ltx/v2/extend": [
        {"video_uri": "x", "duration": 1},
        "video_uri",
        "duration",
        "mode",
        "prompt",
    ],
    "/api/generate": [
        SIMPLE,
        *("prompt", "model", "width", "height", "num_frames", "seed", "guidance_scale", "steps"),
        *("stg_mode", "stg_layers", "fps", "image", "image_url", "negative_prompt", "odd"),
    ],
    "/stitch": [{"clips": [CLIP]}, "clips", "transition", "width", "loudness", "output"],
    "/api/stitches": [{"clips": [CLIP]}, "clips", "transition", "fps", "count", "metadata"],
    "/runpod/v2/tiny/run": [{"input": NATIVE}, "input", "webhook", "policy"],
}
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=12)
    | st.sampled_from(
        [0, -1, 10**30, 1e300, "", " ", "1e999", "9" * 40, "../x", "data:,", "http://"]
    )
)
KEYS = st.sampled_from(["source", "frame", "strength", "kind", "format", "file_name", "x", "id"])
ODD = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize("path", FIELDS)
def test_one_odd_value(served: Served, path: str):
    good, *names = FIELDS[path]
    assert isinstance(good, dict)
    with served.client() as client:

        @hypothesis.settings(max_examples=60, deadline=None)
        @hypothesis.given(name=st.sampled_from(names), value=ODD)
        def answers(name: Any, value: Any) -> None:
            answer = client.post(path, json={**good, name: value})
            assert answer.status_code < 500, (name, value, answer.text)
            if answer.status_code >= 400:
                assert "code" in answer.text, answer.text

        answers()


def test_one_odd_value_of_a_workers_input(served: Served):
    names = ["prompt", "mode", "image_url", "image_base64", "output_format", "file_name", "steps"]
    with served.client() as client:

        @hypothesis.settings(max_examples=80, deadline=None)
        @hypothesis.given(name=st.sampled_from([*names, "conditions", "output"]), value=ODD)
        def answers(name: str, value: Any) -> None:
            body = {"input": {**NATIVE, name: value}}
            answer = client.post("/runpod/v2/tiny/run", json=body)
            assert answer.status_code < 500, (name, value, answer.text)

        answers()


@pytest.mark.parametrize(
    "value", ["%00", "..%2f..%2fetc", "%ff", "a" * 5000, "%F0%9F%98%80", "' OR 1=1"]
)
def test_odd_paths_and_queries(served: Served, value: str):
    with served.client() as client:
        for path in (
            "/api/generations/{}",
            "/v1/videos/{}/content",
            "/api/status/{}",
            "/files/{}",
            "/api/models/{}",
            "/api/uploads/{}",
            "/runpod/v2/{}/health",
        ):
            assert client.get(path.format(value)).status_code < 500
        for query in ("cursor", "parent_id", "dialect", "limit", "state", "order"):
            assert client.get(f"/api/generations?{query}={value}").status_code < 500
        key = client.post("/api/generations", json=NATIVE, headers={"Idempotency-Key": value[:300]})
        assert key.status_code < 500
