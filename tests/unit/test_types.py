"""The nouns: defaults, immutability, JSON."""

import pytest
from pydantic import ValidationError

from ltxserve.types import GenerationRequest, Shape


def test_a_prompt_is_enough():
    request = GenerationRequest(prompt="a red ball")
    assert (request.model, request.audio, request.output.format) == ("tiny", None, "mp4")


def test_a_request_survives_json():
    request = GenerationRequest.model_validate(
        {
            "prompt": "x",
            "conditions": [{"source": "a.png", "frame": -1}],
            "loras": [{"name_or_path": "l"}],
        }
    )
    assert GenerationRequest.model_validate_json(request.model_dump_json()) == request


@pytest.mark.parametrize(
    "given",
    [
        {"num_inference_steps": True},
        {"seed": False},
        {"sigmas": [True, 0.5]},
        {"prompt": True},
        {"conditions": [{"source": "a.png", "frame": True}]},
    ],
)
def test_true_is_no_number(given: dict[str, object]):
    with pytest.raises(ValidationError, match="should not be true or false"):
        GenerationRequest.model_validate({"prompt": "x", **given})


def test_true_is_an_answer_where_there_are_two():
    read = GenerationRequest.model_validate({"prompt": "x", "audio": False, "low_vram": True})
    assert (read.audio, read.low_vram) == (False, True)


def test_requests_do_not_change():
    with pytest.raises(ValidationError):
        GenerationRequest(prompt="x").prompt = "y"


def test_a_shape_knows_how_long_it_plays():
    assert Shape(256, 256, 48, 24.0).seconds == 2.0
