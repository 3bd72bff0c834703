"""Prompts as the built-in model reads them, and what is said of what it does not read."""

from typing import Any

import pytest
import torch

from ltxserve.engine.backends.diffusers.text import EncodedText, encode_text
from tests.tiny import backend, planned


def encoded(prompt: str, **fields: Any) -> EncodedText:
    with torch.inference_mode():
        return encode_text(backend().pipeline, planned(prompt=prompt, **fields), "tiny")


def test_a_prompt_of_known_words_needs_no_remark():
    text = encoded("a red ball moves right on grass", guidance_scale=1)
    assert text.warnings == ()
    assert text.negative == (None, None)
    assert text.prompt[0].shape[:2] == text.prompt[1].shape


def test_unknown_words_change_nothing_but_are_named():
    plain, more = encoded("a red ball"), encoded("a fluffy red ball, 4k, photorealistic")
    assert torch.equal(plain.prompt[0], more.prompt[0])
    assert len(more.warnings) == 1
    for word in ("fluffy", "photorealistic"):
        assert word in more.warnings[0]


def test_known_words_change_the_encoding():
    assert not torch.equal(encoded("a red ball").prompt[0], encoded("a blue ball").prompt[0])


def test_a_prompt_of_unknown_words_alone_still_runs():
    assert encoded("xyzzy plugh").warnings[0].endswith("No word is left.")


def test_the_negative_prompt_is_read_alike():
    text = encoded("a red ball", negative_prompt="a blurry star", guidance_scale=3.0)
    assert text.negative[0] is not None
    assert "negative prompt" in text.warnings[0]
    assert "blurry" in text.warnings[0]


@pytest.mark.parametrize("term", ["guidance_scale", "audio_guidance_scale"])
def test_guidance_of_either_kind_needs_a_negative_prompt(term: str):
    assert encoded("a red ball", **{term: 2.0}).negative[0] is not None


def test_a_prompt_beyond_the_models_reach_is_cut_with_a_remark():
    limit = backend().pipeline.tokenizer.model_max_length
    long = encoded("red " * (limit + 10))
    assert f"reads the first {limit}." in long.warnings[-1]
    assert long.prompt[0].shape[1] == limit
    assert torch.equal(long.prompt[0], encoded("red " * (limit + 20)).prompt[0])
