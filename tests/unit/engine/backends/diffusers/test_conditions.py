"""Keyframes at every pixel frame, asked of the real pipeline; the first frame is the picture."""

import numpy as np
import pytest
import torch

from ltxserve.engine.backends.base import ConditionFrames
from ltxserve.engine.backends.diffusers.conditions import latent_place, placed
from tests.tiny import backend, disc

SIDE, FPS, FRAMES = 64, 24.0, 121


def shown(frame: int, count: int = 1, strength: float = 1.0) -> ConditionFrames:
    picture = disc(size=(SIDE, SIDE))
    return ConditionFrames(np.stack([picture] * count), frame, strength)


def prepared(*conditions: ConditionFrames) -> tuple[torch.Tensor, ...]:
    """What the pipeline starts to denoise from: latents, mask, clean latents, keyframe places."""
    with torch.inference_mode():
        return backend().pipeline.prepare_latents(
            conditions=[placed(condition) for condition in conditions],
            num_channels_latents=backend().pipeline.transformer.config.in_channels,
            height=SIDE,
            width=SIDE,
            num_frames=FRAMES,
            frame_rate=FPS,
            dtype=torch.float32,
            device=torch.device("cpu"),
            generator=torch.Generator().manual_seed(0),
        )


def test_every_pixel_frame_is_placed_exactly():
    frames = list(range(1, FRAMES))
    times = prepared(*(shown(frame) for frame in frames))[3][0, 0]
    starts = times[:, 0].unflatten(0, (len(frames), -1))
    ends = times[:, 1].unflatten(0, (len(frames), -1))
    for frame, start, end in zip(frames, starts, ends, strict=True):
        assert set(start.tolist()) == {float(torch.tensor(float(frame)) / FPS)}
        assert set(end.tolist()) == {float(torch.tensor(float(frame + 1)) / FPS)}


def test_a_video_is_placed_from_its_first_frame():
    times = prepared(shown(21, count=9))[3][0, 0]
    assert sorted(set((times[:, 0] * FPS).round().int().tolist())) == [21, 29]


def test_the_first_frame_replaces_and_adds_no_tokens():
    latents, mask, clean, places = prepared(shown(0, strength=0.75))
    tokens = (SIDE // 32) ** 2
    assert places is None
    assert mask[0, :tokens].unique().tolist() == [0.75]
    assert mask[0, tokens:].unique().tolist() == [0.0]
    assert latents.shape == clean.shape


def test_a_keyframe_adds_its_tokens_at_its_strength():
    latents, mask, _, places = prepared(shown(FRAMES - 1, strength=0.5))
    tokens = (SIDE // 32) ** 2
    assert latents.shape[1] == (16 + 1) * tokens
    assert places.shape[2] == tokens
    assert mask[0, -tokens:].unique().tolist() == [0.5]


def test_pictures_reach_the_model_as_they_are():
    condition = shown(0)
    pipeline, given = backend().pipeline, [placed(condition)]
    pixels = pipeline.preprocess_conditions(given, SIDE, SIDE, FRAMES, torch.device("cpu"))
    seen = ((pixels[0][0][0, :, 0] + 1) * 127.5).round().to(torch.uint8).permute(1, 2, 0)
    assert np.array_equal(seen.numpy(), condition.frames[0])


@pytest.mark.parametrize("frame", range(1, 122))
def test_the_place_is_exact_in_floats(frame: int):
    assert (latent_place(frame) - 1) * 8 + 1 == frame


def test_frame_zero_is_place_zero():
    assert latent_place(0) == 0
