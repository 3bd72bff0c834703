"""Batches of latents by chance, small enough to be fitted in a test."""

from __future__ import annotations

import torch
from torch import Tensor

from ltxserve.training.tiny.latents import Batch
from ltxserve.training.tiny.model import AUDIO_WIDTH, LATENT_CHANNELS


def small_batch(frames: int) -> Batch:
    """Two clips of 64x64 pixels, in latents by chance."""
    chance = torch.Generator().manual_seed(5)

    def some(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=chance).half()

    return Batch(
        video=some(2, LATENT_CHANNELS, frames, 2, 2),
        audio=some(2, 3, AUDIO_WIDTH),
        keyframes=some(2, 2, LATENT_CHANNELS, 2, 2),
        keyframe_at=torch.tensor([[8, 3], [8, 5]]),
        seeds=torch.tensor([0, 1]),
    )
