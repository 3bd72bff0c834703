"""Given pictures and sound as latents: in their place, held where they are to be held."""

import math
from typing import Any

import numpy as np
import pytest
import torch

from ltxserve.engine.backends.base import Given, GivenFrames, GivenSound
from ltxserve.engine.backends.diffusers.given import (
    GivenLatents,
    audio_length,
    encode_given,
    held_tokens,
    sound_grid,
)
from ltxserve.engine.backends.diffusers.mel import Grid
from ltxserve.media.sound import Sound
from tests.tiny import SPEC, backend, planned
from tests.unit.media.samples import moving_clip

GRID = Grid(16000, 160, 32)
CLIP = moving_clip(25, 128, 128)


def encoded(given: Given, **fields: Any) -> GivenLatents:
    with torch.inference_mode():
        return encode_given(backend().pipeline, planned(num_frames=25, **fields), given, SPEC.mel)


def test_nothing_given_is_nothing():
    latents = encoded(Given())
    assert latents.video is None
    assert latents.audio is None
    assert latents.sigmas == planned().sigmas


def test_a_whole_clip_fills_every_token():
    video = encoded(Given(GivenFrames(CLIP, 0, (True, False, False, True)))).video
    assert video is not None
    assert video.tokens.shape[:2] == (1, 4 * 16)
    assert video.mask.squeeze().reshape(4, 16)[:, 0].tolist() == [1, 0, 0, 1]
    assert (video.tokens.std(dim=1) > 0).all()


def test_a_beginning_leaves_the_rest_empty():
    video = encoded(Given(GivenFrames(CLIP[:9], 0, (True, True)))).video
    whole = encoded(Given(GivenFrames(CLIP, 0, (True,) * 4))).video
    assert video is not None
    assert whole is not None
    assert not video.tokens[:, 32:].any()
    assert not video.mask[:, 32:].any()
    assert video.mask[:, :32].all()
    assert torch.allclose(video.tokens[:, :16], whole.tokens[:, :16], atol=1e-4)


def test_an_end_is_put_at_the_end():
    video = encoded(Given(GivenFrames(CLIP[9:], 9, (True, True)))).video
    whole = encoded(Given(GivenFrames(CLIP, 0, (True,) * 4))).video
    assert video is not None
    assert whole is not None
    assert not video.tokens[:, :32].any()
    assert video.mask[:, 32:].all()
    # Encoded behind a still, so not the same numbers, but the same pictures.
    near = (video.tokens[:, 32:] - whole.tokens[:, 32:]).pow(2).mean()
    assert near < 0.2 * whole.tokens[:, 32:].pow(2).mean()


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", [16000, 48000])
def test_sound_is_as_long_as_the_clip(channels: int, rate: int):
    sound = Sound(np.full((channels, rate // 3), 0.1, np.float32), rate)
    audio = encoded(Given(sound=GivenSound(sound, ((0.0, 0.5),)))).audio
    assert audio is not None
    length = audio_length(backend().pipeline, planned(num_frames=25))
    assert audio.tokens.shape[1] == length == round(25 / 24 * 25)
    assert audio.mask.squeeze().tolist() == held_tokens(length, ((0.0, 0.5),), GRID).tolist()
    assert audio.tokens.isfinite().all()


def test_the_grid_is_the_encoders():
    assert sound_grid(backend().pipeline) == GRID


def test_tokens_are_held_where_all_of_them_is():
    # Token k holds mel frames 4k-3 to 4k, of 10 ms each: 0-10 ms, 10-50 ms, 50-90 ms, ...
    assert held_tokens(4, ((0.0, 0.05),), GRID).tolist() == [True, True, False, False]
    assert held_tokens(4, ((0.0, 0.04),), GRID).tolist() == [True, False, False, False]
    assert held_tokens(4, ((0.05, math.inf),), GRID).tolist() == [False, False, True, True]
    assert held_tokens(4, ((0.0, 0.01), (0.09, math.inf)), GRID).tolist() == [
        True,
        False,
        False,
        True,
    ]
    assert held_tokens(4, ((0.0, math.inf),), GRID).all()
    assert not held_tokens(4, (), GRID).any()
