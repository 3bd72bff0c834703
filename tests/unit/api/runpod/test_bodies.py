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
    assert read({"input": {"input": {}}}).request == {"prompt": ""}


@pytest.mark.parametrize("body", [{}, {"input": None}, {"input": "x"}, {"input": []}])
def test_a_body_without_input_is_refused(body: dict[str, Any]):
    with pytest.raises(LtxserveError) as refused:
        read(body)
    assert refused.value.code == "body_invalid"


@pytest.mark.parametrize(
    "given", [{"mode": "t2v", "image_url": "u"}, {"mode": "i2v"}, {"mode": "v2v"}, {"mode": {}}]
)
def test_the_mode_must_agree(given: dict[str, Any]):
    with pytest.raises(RequestRefused) as refused:
        read({"input": {"prompt": "x", **given}})
    assert refused.value.problems[0].field == "mode"


@pytest.mark.parametrize(
    "odd",
    [{"output": "x"}, {"output_format": 5}, {"conditions": 5, "image_url": "u"}, {"image": 5}],
)
def test_odd_values_are_left_to_the_plan(odd: dict[str, Any]):
    assert read({"input": {"prompt": "x", **odd}}).request["prompt"] == "x"


@pytest.mark.parametrize(("given", "signed"), [({}, True), ({"return_signed_url": False}, False)])
def test_how_the_clip_is_linked(given: dict[str, Any], signed: bool):
    assert read({"input": {"prompt": "x", **given}}).signed is signed
