"""Decodes latents to frames in chunks, so that a long clip needs no more memory than a chunk.

It knows no prompt, no denoising and no file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import torch
from diffusers import AutoencoderKLLTX2Video, AutoencoderKLLTXVideo
from torch import Tensor

from ltxserve.engine.backends.base import Frames
from ltxserve.engine.geometry import FRAME_STEP
from ltxserve.engine.plan import Plan
from ltxserve.engine.plan.memory import whole_decode_bytes

Vae: TypeAlias = AutoencoderKLLTX2Video | AutoencoderKLLTXVideo


@dataclass(frozen=True)
class Window:
    """Latent frames decoded at once, and how many of them two neighbours share and blend over.

    The decoder looks in both directions, so a window's ends are less true than its middle.
    Measured on the built-in model against decoding at once, a seam changes the worst frame by a
    quarter of a grey level on average (54 dB) with 6 shared, half a level (50 dB) with 4.

    tiled: in tiles of TILE pixels a side that overlap, where a frame is larger.
    """

    length: int = 16
    shared: int = 6
    tiled: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.shared < self.length:
            raise ValueError(f"a window of {self.length} cannot share {self.shared}")


PIECE = 8
"""Frames that are turned into pixels at once: in a cache, that is six times as fast as by window,
and whoever encodes them begins with the first."""
TILE, TILE_STEP = 512, 448  # pixels; neighbours fade into each other over the difference
SPARING = Window(length=8, shared=4, tiled=True)
"""Of low_vram, and after memory ran out."""


def window_for(plan: Plan, room: int, value_bytes: int) -> Window:
    """How a plan's frames are decoded; whole where they fit, for tiles cost seams and time.

    room: bytes that are free for it. value_bytes: of one activation.
    """
    if plan.low_vram:
        return SPARING
    shape = next(stage.shape for stage in plan.stages if stage.kind == "decode_video")
    frames = min(shape.num_frames, (Window().length - 1) * FRAME_STEP + 1)
    needs = whole_decode_bytes(plan.memory, shape, frames, value_bytes)
    return Window(tiled=needs > room)


def windows(latent_frames: int, window: Window) -> list[tuple[int, int]]:
    """Starts and ends of the decoding windows over a clip of latent frames, in order.

    Neighbours share `window.shared` latent frames; one window where the clip fits into it.
    """
    step = window.length - window.shared
    starts = range(0, max(1, latent_frames - window.shared), step)
    return [(start, min(start + window.length, latent_frames)) for start in starts]


def decode_chunks(
    vae: Vae, latents: Tensor, window: Window, timestep: float | None = None
) -> Iterator[Frames]:
    """Frames uint8 (n, h, w, 3) of latents (1, c, f, h', w'), already denormalised, in chunks.

    timestep: that the decoder is told, of those that take one.
    """
    held: Tensor | None = None
    places = windows(latents.shape[2], window)
    for number, (start, end) in enumerate(places):
        frames = _decode(vae, latents[:, :, start:end], window.tiled, timestep)
        if held is not None:
            frames = _blend(held, frames)
        last = number == len(places) - 1
        # A window's first latent frame becomes one pixel frame, the last of the eight it stands
        # for: window k begins at pixel frame 8 * start.
        keep = len(frames) if last else (places[number + 1][0] - start) * FRAME_STEP
        held = None if last else frames[keep:].clone()
        for piece in frames[:keep].split(PIECE):
            yield _pixels(piece)
        del frames


def _decode(vae: Vae, latents: Tensor, tiled: bool, timestep: float | None) -> Tensor:
    vae.enable_tiling(TILE, TILE, None, TILE_STEP, TILE_STEP)
    vae.use_tiling = tiled  # said for every window: nothing stays for the next request
    latents = latents.to(vae.dtype)
    told = None if timestep is None else torch.tensor([timestep]).to(latents)
    with torch.inference_mode():
        sample = vae.decode(latents, told, return_dict=False)[0]
    return sample[0].transpose(0, 1)


def _blend(before: Tensor, after: Tensor) -> Tensor:
    """The second window with its beginning faded in over the end of the first.

    The fade takes the middle half of what they share: near its ends, one of the two is untrue.
    """
    count = len(before)
    along = torch.linspace(0, 1, count + 2, device=after.device, dtype=after.dtype)[1:-1]
    weight = ((along - 0.25) * 2).clamp(0, 1).view(-1, 1, 1, 1)
    mixed = before * (1 - weight) + after[:count] * weight
    return torch.cat([mixed, after[count:]])


def _pixels(frames: Tensor) -> Frames:
    scaled = frames.float().add(1).mul_(127.5).round_().clamp_(0, 255).to(torch.uint8)
    return scaled.permute(0, 2, 3, 1).contiguous().cpu().numpy()
