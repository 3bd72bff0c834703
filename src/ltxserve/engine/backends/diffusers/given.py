"""Given pictures and sounds as latents, and which of them are held; knows no file and no prompt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ltxserve.catalog.spec import Mel
from ltxserve.engine.backends.base import Given, GivenFrames, GivenSound
from ltxserve.engine.backends.diffusers.mel import Grid, log_mel
from ltxserve.engine.backends.diffusers.references import Reference
from ltxserve.engine.geometry import FRAME_STEP, latent_frames
from ltxserve.engine.plan import Plan
from ltxserve.media.sound import LAYOUTS, Sound

_LEAD = 2  # latent frames encoded in front of pictures that begin in the middle of a clip


@dataclass(frozen=True, eq=False)
class Held:
    """Tokens (1, n, channels), normalised, and how much of each is held (1, n, 1): 1 or 0."""

    tokens: Tensor
    mask: Tensor


@dataclass(frozen=True, eq=False)
class GivenLatents:
    """What a run is given besides conditions. sigmas: of the plan, None = the scheduler's."""

    video: Held | None = None
    audio: Held | None = None
    sigmas: tuple[float, ...] | None = None
    references: tuple[Reference, ...] = ()


def encode_given(pipeline: Any, plan: Plan, given: Given, mel: Mel) -> GivenLatents:
    """Given pictures and sound through the model's encoders."""
    return GivenLatents(
        None if given.frames is None else _video(pipeline, plan, given.frames),
        None if given.sound is None else _audio(pipeline, plan, given.sound, mel),
        plan.sigmas,
    )


def audio_length(pipeline: Any, plan: Plan) -> int:
    """Latent frames of the sound that lasts as long as the clip; as the pipeline counts them."""
    return round(plan.generate.seconds * _per_second(pipeline))


def held_tokens(length: int, spans: tuple[tuple[float, float], ...], grid: Grid) -> Tensor:
    """Which of `length` latent frames of sound lie within one of the spans (seconds): (n,) bool.

    The encoder keeps the first mel frame and folds every further 4 into one latent frame.
    """
    each = grid.hop / grid.rate
    index = torch.arange(length, dtype=torch.float64)
    starts, ends = (index * 4 - 3).clamp(min=0) * each, (index * 4 + 1) * each
    held = torch.zeros(length, dtype=torch.bool)
    for start, end in spans:
        held |= (starts >= start - each / 2) & (ends <= end + each / 2)
    return held


def sound_grid(pipeline: Any) -> Grid:
    """What the sound encoder's configuration says."""
    return Grid(
        pipeline.audio_sampling_rate, pipeline.audio_hop_length, int(pipeline.audio_mel_bins)
    )


def _video(pipeline: Any, plan: Plan, given: GivenFrames) -> Held:
    total = latent_frames(plan.generate.num_frames)
    encoded = _encoded(pipeline, given)
    first = 0 if given.frame == 0 else (given.frame - 1) // FRAME_STEP + 1
    count = encoded.shape[2]
    latents = encoded.new_zeros(1, encoded.shape[1], total, *encoded.shape[3:])
    latents[:, :, first : first + count] = encoded
    held = latents.new_zeros(1, 1, *latents.shape[2:])
    kept = torch.tensor(given.held, dtype=held.dtype, device=held.device)
    held[:, :, first : first + count] = kept.view(1, 1, -1, 1, 1)
    return Held(_packed(pipeline, latents), _packed(pipeline, held))


def _encoded(pipeline: Any, given: GivenFrames) -> Tensor:
    """Latents (1, c, f, h, w), normalised. Pictures from the middle of a clip are encoded behind
    a still of the first of them, because the encoder treats a clip's first frame differently."""
    vae, device = pipeline.vae, pipeline._execution_device
    pixels = torch.from_numpy(given.frames).to(device, vae.dtype) / 127.5 - 1
    lead = 0 if given.frame == 0 else (_LEAD - 1) * FRAME_STEP + 1
    if lead:
        pixels = torch.cat([pixels[:1].expand(lead, -1, -1, -1), pixels])
    mean = vae.encode(pixels.permute(3, 0, 1, 2)[None]).latent_dist.mode()
    latents = pipeline._normalize_latents(mean, vae.latents_mean, vae.latents_std).float()
    return latents[:, :, _LEAD if lead else 0 :]


def _packed(pipeline: Any, latents: Tensor) -> Tensor:
    return pipeline._pack_latents(
        latents,
        pipeline.transformer_spatial_patch_size,
        pipeline.transformer_temporal_patch_size,
    )


def _audio(pipeline: Any, plan: Plan, given: GivenSound, mel: Mel) -> Held:
    vae, device = pipeline.audio_vae, pipeline._execution_device
    length, grid = audio_length(pipeline, plan), sound_grid(pipeline)
    frames = 4 * (length - 1) + 1
    samples = _samples(given.sound, grid.rate, vae.config.in_channels, (frames - 1) * grid.hop + 1)
    mels = log_mel(samples.to(device), mel, grid)[:, :frames]
    mean = vae.encode(mels[None].to(vae.dtype)).latent_dist.mode()
    tokens = pipeline._pack_audio_latents(mean.float())
    tokens = pipeline._normalize_audio_latents(tokens, vae.latents_mean, vae.latents_std)
    held = held_tokens(length, given.held, grid).to(tokens)
    return Held(tokens, held.view(1, -1, 1))


def _samples(sound: Sound, rate: int, channels: int, count: int) -> Tensor:
    fitted = sound.resampled(rate).fitted(count).samples
    if len(fitted) < channels <= max(LAYOUTS):
        fitted = fitted.repeat(channels, axis=0)
    elif len(fitted) > channels:
        fitted = fitted.mean(axis=0, keepdims=True)
    return torch.from_numpy(fitted.copy())


def _per_second(pipeline: Any) -> float:
    folded = pipeline.audio_hop_length * pipeline.audio_vae_temporal_compression_ratio
    return pipeline.audio_sampling_rate / float(folded)
