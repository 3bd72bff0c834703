"""Noise on batches of clips, and conditions where the pipelines place them.

First frames replace tokens, keyframes are appended, both less noisy than the rest. It knows
latents and positions, not the transformer.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import torch
from diffusers.models.transformers.transformer_ltx2 import LTX2AudioVideoRotaryPosEmbed
from torch import Tensor

from ltxserve.training.tiny.emphasis import CELL, token_weights
from ltxserve.training.tiny.latents import Batch
from ltxserve.training.tiny.scene import is_free

FIRST_FRAME = 0.2  # share of staged clips whose first frame is given; of free ones it always is
KEYFRAMES = 0.25  # share of steps with those
FPS = 24.0
SHIFTS = torch.tensor((1.0, 6.0, 30.0, 200.0))  # of the noise levels, drawn evenly


@dataclass(frozen=True)
class Tokens:
    """Clean tokens (b, n, c) at `coords` (b, 3, n, 2).

    `given` (b, n, 1) is how strongly each is given, 1 for untouched by noise; `weights` (b, n, 1)
    is what an error of it counts.
    """

    values: Tensor
    coords: Tensor
    given: Tensor
    weights: Tensor

    def __add__(self, other: Tokens) -> Tokens:
        return Tokens(
            torch.cat([self.values, other.values], 1),
            torch.cat([self.coords, other.coords], 2),
            torch.cat([self.given, other.given], 1),
            torch.cat([self.weights, other.weights], 1),
        )


@dataclass(frozen=True)
class Noised:
    """A batch as the transformer sees it; `weights` are 0 where a token is given.

    `level` (b, n) is each token's noise, `sigma` (b,) each clip's.
    """

    video: Tensor
    audio: Tensor
    video_target: Tensor
    audio_target: Tensor
    weights: Tensor
    level: Tensor
    sigma: Tensor
    coords: Tensor

    def to(self, device: str) -> Noised:
        """The same on another device."""
        return Noised(*(getattr(self, name).to(device) for name in self.__dataclass_fields__))


def random_sigmas(count: int, generator: torch.Generator) -> Tensor:
    """Noise levels, more than half of them above 0.9.

    A clip's latents say the same thing many times over: at 0.9 a glance tells backdrop and places,
    so that what words decide is decided above it, as LTX-2's own distilled sigmas show.
    """
    even = torch.rand(count, generator=generator)
    shift = SHIFTS[torch.randint(len(SHIFTS), (count,), generator=generator)]
    return (shift * even / (1 + (shift - 1) * even)).clamp(0.01, 1.0)


def tokens_of(latents: Tensor) -> Tensor:
    """(b, c, f, h, w) as tokens (b, f * h * w, c)."""
    return latents.flatten(2).transpose(1, 2)


def noised(
    batch: Batch, rope: LTX2AudioVideoRotaryPosEmbed, chance: Random, moments: int | None = None
) -> Noised:
    """A step's view of a batch, conditions and noise drawn by chance.

    moments: show only so many of each clip's latent frames (a keyframe counts as one), which is
    enough to tell how things move and costs less; None for all. A still shows its one.
    """
    tokens = _with_conditions(batch, rope, chance, moments)
    generator = torch.Generator().manual_seed(chance.randrange(2**40))
    audio = batch.audio.float()
    sigma = random_sigmas(len(audio), generator)
    noise = torch.randn(tokens.values.shape, generator=generator)
    audio_noise = torch.randn(audio.shape, generator=generator)
    level = sigma[:, None, None]
    token_level = level * (1 - tokens.given)
    return Noised(
        video=token_level * noise + (1 - token_level) * tokens.values,
        audio=level * audio_noise + (1 - level) * audio,
        video_target=noise - tokens.values,
        audio_target=audio_noise - audio,
        weights=tokens.weights * (tokens.given < 1),
        level=token_level.squeeze(-1),
        sigma=sigma,
        coords=tokens.coords,
    )


def _with_conditions(
    batch: Batch, rope: LTX2AudioVideoRotaryPosEmbed, chance: Random, moments: int | None
) -> Tokens:
    frames = batch.video.shape[2]
    choices = ([0], [0], [1]) if moments else ([0], [0], [1], [0, 1])
    keyframes = chance.choice(choices) if frames > 1 and chance.random() < KEYFRAMES else []
    which = list(range(frames))
    if moments and frames > 1:
        which = _some(frames, moments - len(keyframes), not keyframes, chance)
    first = _first_given(batch, bool(keyframes), chance) * (frames > 1 and which[0] == 0)
    tokens = _clip(batch, rope, which, first)
    for k in keyframes:
        tokens = tokens + _keyframe(batch, k, _strength(chance))
    return tokens


def _some(frames: int, count: int, first: bool, chance: Random) -> list[int]:
    """Frames by chance, in order; the first one always among them if wanted."""
    always = [0] if first else []
    rest = chance.sample(range(len(always), frames), count - len(always))
    return sorted([*always, *rest])


def _first_given(batch: Batch, keyed: bool, chance: Random) -> Tensor:
    """How strongly each clip's first frame is given (b,); free clips need it, or a keyframe."""
    shares = [1.0 if is_free(seed) and not keyed else FIRST_FRAME for seed in batch.seeds.tolist()]
    return torch.tensor([_strength(chance) if chance.random() < share else 0.0 for share in shares])


def _strength(chance: Random) -> float:
    return chance.choice((1.0, 1.0, 0.8))


def _clip(
    batch: Batch, rope: LTX2AudioVideoRotaryPosEmbed, which: list[int], first: Tensor
) -> Tokens:
    """The tokens of some latent frames; each clip's very first one is given with a strength."""
    count, _, frames, height, width = batch.video.shape
    coords = rope.prepare_video_coords(
        count, frames, height, width, torch.device("cpu"), fps=FPS
    ).unflatten(2, (frames, -1))
    weights = token_weights(batch.seeds.tolist(), frames, height, width).unflatten(1, (frames, -1))
    given = torch.zeros_like(weights)
    given[:, 0] = first.view(-1, 1, 1)
    return Tokens(
        tokens_of(batch.video[:, :, which].float()),
        coords[:, :, which].flatten(2, 3),
        given[:, which].flatten(1, 2),
        weights[:, which].flatten(1, 2),
    )


def _keyframe(batch: Batch, k: int, strength: float) -> Tokens:
    values = tokens_of(batch.keyframes[:, k].float()[:, :, None])
    _, _, height, width = batch.keyframes[:, k].shape
    ones = torch.ones(*values.shape[:2], 1)
    return Tokens(
        values, keyframe_coords(batch.keyframe_at[:, k], height, width), ones * strength, ones
    )


def keyframe_coords(at: Tensor, height: int, width: int) -> Tensor:
    """Positions (b, 3, h * w, 2) of keyframes' tokens at pixel frames `at` (b,)."""
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    starts = torch.stack([torch.zeros_like(rows), rows * CELL, columns * CELL]).flatten(1).float()
    ends = starts + torch.tensor([[0.0], [CELL], [CELL]])
    coords = torch.stack([starts, ends], -1)[None].repeat(len(at), 1, 1, 1)
    coords[:, 0, :, 0] = at[:, None] / FPS
    coords[:, 0, :, 1] = (at[:, None] + 1) / FPS
    return coords
