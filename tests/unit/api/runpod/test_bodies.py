"""A worker's input as a request of ours."""

from typing import Any

import pytest

from ltxserve.api.runpod.bodies import PRESET, read
from ltxserve.catalog import load_catalog
from ltxserve.errors import LtxserveError, RequestRefused


def test_the_preset_holds_the_specified_defaults():
    values = load_catalog().preset(PRESET).values
    assert (values["num_inference_steps"], values["guidance_scale"], values["fps"]) == (
        30,
        7.0,
        24.0,
    )
    assert (values["num_frames"], values["height"], values["width"]) == (49, 512, 512)


def test_fields_envelope_and_delivery():
    body = {
        "input": {
            "mode": "i2v",
            "prompt": "x",
            "steps": 8,
            "guidance": 2,
            "image_base64": "AAAA",
            "output_format": "webm",
            "file_name": "v.webm",
            "return_signed_url": True,
            "return_base64": True,
        },
        "webhook": "https://x/hook",
        "policy": {"executionTimeout": 60_000, "lowPriority": True},
    }
    asked = read(body)
    assert not asked.reading.problems
    assert asked.request == {
        "prompt": "x",
        "num_inference_steps": 8,
        "guidance_scale": 2,
        "output": {"format": "webm", "file_name": "v.webm"},
        "conditions": [{"source": "data:application/octet-stream;base64,AAAA", "frame": 0}],
    }
    assert (asked.webhook, asked.timeout_seconds, asked.low_priority, asked.inline) == (
        "https://x/hook",
        60.0,
        True,
        True,
    )


def test_the_sdks_double_wrapping_is_undone():
    assert read({"input": {"input": {"prompt": "x"}}}).request == {"prompt": "x"}
    assert [problem.field for problem in read({"input": {"input": {}}}).reading.problems] == [
        "prompt"
    ]


@pytest.mark.parametrize("body", [{}, {"input": None}, {"input": "x"}, {"input": []}])
def test_a_body_without_input_is_refused(body: dict[str, Any]):
    with pytest.raises(LtxserveError) as refused:
        read(body)
    assert refused.value.code == "body_invalid"


def test_every_word_of_a_worker_is_understood():
    given = {
        "prompt": "x",
        "camera": "dolly-in",
        "resolution": "720p",
        "last_image_url": "https://example.org/b.png",
        "video_url": "https://example.org/a.mp4",
        "strength": 0.4,
        "spatial_upscaler": True,
    }
    asked = read({"input": given})
    assert not asked.reading.problems
    assert asked.request == {
        "prompt": "x",
        "camera_motion": "dolly_in",
        "size": "720p",
        "conditions": [{"source": "https://example.org/b.png", "frame": -1, "strength": 0.4}],
        "video_to_video": {"source": "https://example.org/a.mp4", "strength": 0.4},
        "upscale": {"spatial": True, "temporal": False},
    }


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"mode": "t2v", "image_url": "u"}, "mode"),
        ({"mode": "i2v"}, "mode"),
        ({"mode": "v2v"}, "mode"),
        ({"mode": {}}, "mode"),
        ({"output": "x"}, "output"),
        ({"output_format": 5}, "output_format"),
        ({"conditions": 5, "image_url": "u"}, "conditions"),
        ({"image": 5}, "image"),
        ({"prompts": ["a", "b"], "prompt": None}, "prompts"),
        ({"upload_url": "https://example.org/put"}, "upload_url"),
        ({"s3": {"bucket": "b"}}, "s3"),
        ({"stitch": {"clips": []}}, "stitch"),
        ({"no_such_word": 1}, "no_such_word"),
    ],
)
def test_what_is_wrong_is_told_in_the_words_that_were_used(given: dict[str, Any], field: str):
    problems = read({"input": {"prompt": "x", **given}}).reading.problems
    assert field in {(problem.field or "").partition(".")[0] for problem in problems}


def test_an_input_that_is_none_is_refused_at_once():
    for given in ({"input": 5}, {"input": {"input": [1]}}):
        with pytest.raises(RequestRefused):
            read({"input": given})


@pytest.mark.parametrize(("given", "signed"), [({}, True), ({"return_signed_url": False}, False)])
def test_how_the_clip_is_linked(given: dict[str, Any], signed: bool):
    assert read({"input": {"prompt": "x", **given}}).signed is signed
