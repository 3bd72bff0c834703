"""Control videos as tokens behind the clip's own: the model sees them, and the clip follows.

As Lightricks' VideoConditionByReferenceLatent and diffusers' in-context pipeline do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from diffusers.utils.torch_utils import randn_tensor
from torch import Tensor

from ltxserve.engine.backends.base import ControlFrames
from ltxserve.engine.backends.diffusers.adapters.worn import Use
from ltxserve.errors import ModelUnavailable
from ltxserve.media.frames import resize

Sequences = tuple[Tensor, Tensor, Tensor, Tensor | None]
"""Latents, how much of them is held, what they are held to (1, n, c or 1), places behind them."""
_FACTOR, _RATE = "reference_downscale_factor", "reference_temporal_scale_factor"
_SIDE = 32


@dataclass(frozen=True, eq=False)
class Reference:
    """Tokens (1, n, c), normalised, of latents of `grid` frames, rows and columns.

    strength: 1 = seen clean. downscale: the clip is so many times larger.
    """

    tokens: Tensor
    grid: tuple[int, int, int]
    strength: float
    downscale: int


def told_downscale(uses: Sequence[Use]) -> int | None:
    """What the adapters' files say of the size of references; None where none says anything.

    Raises ModelUnavailable `lora_unsupported` for references that play at another rate, and where
    files contradict each other.
    """
    told = [use.adapter.told for use in uses]
    found = {int(table[_FACTOR]) for table in told if table.get(_FACTOR, "").isdigit()}
    if len(found) > 1 or any(table.get(_RATE, "1") != "1" for table in told):
        raise ModelUnavailable(
            "lora_unsupported",
            "The adapters want references of different sizes, or at another rate than the clip.",
            "Use one kind of control.",
            "controls",
        )
    return next(iter(found), None)


def encode_references(
    pipeline: Any, controls: Sequence[ControlFrames], downscale: int | None
) -> tuple[Reference, ...]:
    """Control videos through the video encoder. downscale: None = as planned.

    Raises ModelUnavailable `lora_unsupported` where the clip cannot be divided so.
    """
    return tuple(
        _encoded(pipeline, control, downscale or control.downscale) for control in controls
    )


def _encoded(pipeline: Any, control: ControlFrames, downscale: int) -> Reference:
    rows, columns = control.frames.shape[1:3]
    if rows % (downscale * _SIDE) or columns % (downscale * _SIDE):
        raise ModelUnavailable(
            "lora_unsupported",
            f"The adapter wants references {downscale} times smaller than {columns}x{rows}.",
            f"Use sides that are multiples of {downscale * _SIDE}.",
            "controls",
        )
    frames = control.frames
    if downscale > 1:
        frames = resize(frames, columns // downscale, rows // downscale)
    vae, device = pipeline.vae, pipeline._execution_device
    pixels = torch.from_numpy(frames).to(device, vae.dtype) / 127.5 - 1
    mean = vae.encode(pixels.permute(3, 0, 1, 2)[None]).latent_dist.mode()
    latents = pipeline._normalize_latents(mean, vae.latents_mean, vae.latents_std).float()
    tokens = pipeline._pack_latents(
        latents, pipeline.transformer_spatial_patch_size, pipeline.transformer_temporal_patch_size
    )
    grid = (latents.shape[2], latents.shape[3], latents.shape[4])
    return Reference(tokens, grid, control.strength, downscale)


def with_references(
    pipeline: Any, references: Sequence[Reference], made: Sequences, asked: Mapping[str, Any]
) -> Sequences:
    """What the pipeline has prepared, with references behind it. asked: its own arguments."""
    latents, mask, clean, coords = made
    for reference in references:
        tokens = reference.tokens.to(latents)
        frames, rows, columns = reference.grid
        places = pipeline.transformer.rope.prepare_video_coords(
            1, frames, rows, columns, latents.device, fps=asked["frame_rate"]
        )
        places[:, 1:3] = places[:, 1:3] * reference.downscale
        noise = randn_tensor(
            tokens.shape, generator=asked["generator"], device=latents.device, dtype=latents.dtype
        )
        level = (1 - reference.strength) * asked["noise_scale"]
        latents = torch.cat([latents, noise * level + tokens * (1 - level)], dim=1)
        held = mask.new_full((1, tokens.shape[1], 1), reference.strength)
        mask = torch.cat([mask, held], dim=1)
        clean = torch.cat([clean, tokens.to(clean)], dim=1)
        coords = places if coords is None else torch.cat([coords, places], dim=2)
    return latents, mask, clean, coords
