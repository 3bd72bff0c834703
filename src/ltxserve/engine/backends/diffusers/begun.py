"""What LTX-Video is given besides conditions: held pictures become conditions, others latents."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from ltxserve.engine.backends.base import ConditionFrames, Frames, Given
from ltxserve.errors import GenerationFailed
from ltxserve.media.frames import resize


def held_pictures(given: Given | None) -> tuple[ConditionFrames, ...]:
    """Pictures that are held from first to last, as a condition at their place.

    Conditions are 8k+1 frames long and lie at multiples of 8, so that pictures from the middle of
    a clip begin with their first one twice. Raises GenerationFailed for what cannot be held.
    """
    if given is None or given.frames is None or not any(given.frames.held):
        return ()
    pictures = given.frames
    if given.sound is not None or not all(pictures.held):
        raise GenerationFailed(
            "generation_failed", "LTX-Video holds whole videos, no parts of them and no sound."
        )
    if pictures.frame == 0:
        return (ConditionFrames(pictures.frames, 0, 1.0),)
    frames = np.concatenate([pictures.frames[:1], pictures.frames])
    return (ConditionFrames(frames, pictures.frame - 1, 1.0),)


def begun_latents(vae: Any, given: Given | None, size: tuple[int, int]) -> Tensor | None:
    """Latents (1, c, f, h, w), normalised, of pictures that are begun from; None without any.

    size: width and height in pixels of the pass.
    """
    if given is None or given.frames is None or any(given.frames.held):
        return None
    pixels = _sized(given.frames.frames, size)
    device = next(vae.parameters()).device
    frames = torch.from_numpy(pixels).to(device, vae.dtype) / 127.5 - 1
    latents = vae.encode(frames.permute(3, 0, 1, 2)[None]).latent_dist.mode()
    mean, std = (b.view(1, -1, 1, 1, 1).to(latents) for b in (vae.latents_mean, vae.latents_std))
    return ((latents - mean) * vae.config.scaling_factor / std).float()


def _sized(frames: Frames, size: tuple[int, int]) -> Frames:
    return frames if frames.shape[1:3] == size[::-1] else resize(frames, *size)
