"""Encodings that are kept: once per text, bounded, the least lately used let go."""

import torch

from ltxserve.engine.backends.diffusers.prompts import Encoded, PromptCache, TextKey
from ltxserve.engine.backends.diffusers.text import encode_text
from tests.tiny import backend, planned


class Encoder:
    """Encodes texts into 400 bytes and counts."""

    def __init__(self) -> None:
        self.read: list[str] = []

    def __call__(self, text: str) -> Encoded:
        self.read.append(text)
        return torch.full((1, 90), float(len(text))), torch.ones(1, 10)


def get(cache: PromptCache, encoder: Encoder, text: str) -> Encoded:
    return cache.get(TextKey(text, 64), lambda: encoder(text))


def test_a_text_is_read_once():
    cache, encoder = PromptCache(), Encoder()
    first, second = get(cache, encoder, "a"), get(cache, encoder, "a")
    assert encoder.read == ["a"]
    assert torch.equal(first[0], second[0])
    assert TextKey("a", 64) in cache
    assert TextKey("a", 32) not in cache
    cache.clear()
    assert (len(cache), cache.bytes) == (0, 0)


def test_the_least_lately_used_goes_first():
    cache, encoder = PromptCache(most=800), Encoder()
    for text in ("a", "b", "a", "c", "a", "b"):
        get(cache, encoder, text)
    assert encoder.read == ["a", "b", "c", "b"]
    assert (len(cache), cache.bytes) == (2, 800)


def test_what_is_too_large_is_not_kept():
    cache, encoder = PromptCache(most=399), Encoder()
    for _ in range(2):
        get(cache, encoder, "a")
    assert encoder.read == ["a", "a"]
    assert cache.bytes == 0


def test_the_real_encoder_is_asked_once_and_says_the_same():
    cache, asked = PromptCache(), []
    plan = planned(prompt="a red ball", negative_prompt="a star", guidance_scale=3.0)
    with torch.inference_mode():
        plain = encode_text(backend().pipeline, plan, "tiny")
        texts = [
            encode_text(backend().pipeline, plan, "tiny", cache, lambda: asked.append(1))
            for _ in range(2)
        ]
    assert len(asked) == len(cache) == 2
    for text in texts:
        assert torch.equal(text.prompt[0], plain.prompt[0])
        assert text.negative[0] is not None
        assert plain.negative[0] is not None
        assert torch.equal(text.negative[0], plain.negative[0])
