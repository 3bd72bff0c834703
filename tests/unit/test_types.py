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


def test_requests_do_not_change():
    with pytest.raises(ValidationError):
        GenerationRequest(prompt="x").prompt = "y"


def test_a_shape_knows_how_long_it_plays():
    assert Shape(256, 256, 48, 24.0).seconds == 2.0
