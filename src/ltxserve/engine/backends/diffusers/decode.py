"""Decodes latents to frames in chunks, so that a long clip needs no more memory than a chunk.

It knows no prompt, no denoising and no file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from diffusers import AutoencoderKLLTX2Video
from torch import Tensor

from ltxserve.engine.backends.base import Frames

TEMPORAL = 8


@dataclass(frozen=True)
class Window:
    """Latent frames decoded at once, and how many of them two neighbours share (and blend over).

    The decoder looks in both directions; with 4 shared frames the seam is below 0.1 of a grey
    level on the built-in model.
    """

    length: int = 16
    shared: int = 4


def windows(latent_frames: int, window: Window) -> list[tuple[int, int]]:
    """Starts and ends of the decoding windows over a clip."""
    if latent_frames <= window.length:
        return [(0, latent_frames)]
    step = window.length - window.shared
    starts = range(0, latent_frames - window.shared, step)
    return [(start, min(start + window.length, latent_frames)) for start in starts]


def decode_chunks(vae: AutoencoderKLLTX2Video, latents: Tensor, window: Window) -> Iterator[Frames]:
    """Frames uint8 (n, h, w, 3) of latents (1, c, f, h', w'), already denormalised, chunk by chunk."""
    held: Tensor | None = None
    places = windows(latents.shape[2], window)
    for number, (start, end) in enumerate(places):
        frames = _decode(vae, latents[:, :, start:end])
        if held is not None:
            frames = _blend(held, frames)
        last = number == len(places) - 1
        keep = len(frames) if last else (places[number + 1][0] - start) * TEMPORAL
        held = None if last else frames[keep:].clone()
        yield _pixels(frames[:keep])
        del frames


def _decode(vae: AutoencoderKLLTX2Video, latents: Tensor) -> Tensor:
    with torch.inference_mode():
        sample = vae.decode(latents.to(vae.dtype), return_dict=False)[0]
    return sample[0].transpose(0, 1)


def _blend(before: Tensor, after: Tensor) -> Tensor:
    """The second window with its beginning faded in over the end of the first."""
    count = len(before)
    weight = torch.linspace(0, 1, count + 2, device=after.device, dtype=after.dtype)[1:-1]
    weight = weight.view(-1, 1, 1, 1)
    mixed = before * (1 - weight) + after[:count] * weight
    return torch.cat([mixed, after[count:]])


def _pixels(frames: Tensor) -> Frames:
    scaled = ((frames.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return np.ascontiguousarray(scaled.permute(0, 2, 3, 1).cpu().numpy())
