"""Clips of the small world as latents: drawn, encoded by the fitted VAEs, kept in shards.

It knows no text beyond the caption that goes with a scene, and no diffusion.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from random import Random

import torch
from diffusers import AutoencoderKLLTX2Audio, AutoencoderKLLTX2Video
from torch import Tensor

from ltxserve.training.tiny import mel
from ltxserve.training.tiny.caption import caption
from ltxserve.training.tiny.draw import Canvas, draw
from ltxserve.training.tiny.fitting import autocast
from ltxserve.training.tiny.loop import save_whole
from ltxserve.training.tiny.scene import random_scene
from ltxserve.training.tiny.sound import sound_of

SHARD = 32  # clips in a shard
KEYFRAMES = 2  # single frames of each clip that are encoded too: the last one and one by chance


@dataclass(frozen=True)
class Encoders:
    """The fitted VAEs on a device."""

    video: AutoencoderKLLTX2Video
    audio: AutoencoderKLLTX2Audio
    device: str


@dataclass(frozen=True)
class Batch:
    """Normalised latents of clips.

    video (b, c, f, h, w), audio (b, l, d), keyframes (b, k, c, h, w) at pixel frames (b, k).
    """

    video: Tensor
    audio: Tensor
    keyframes: Tensor
    keyframe_at: Tensor
    seeds: Tensor

    def pick(self, rows: Tensor) -> Batch:
        """Some of the clips."""
        return Batch(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


def joined(batches: list[Batch]) -> Batch:
    """Batches as one."""
    return Batch(
        *(torch.cat([getattr(b, name) for b in batches]) for name in Batch.__dataclass_fields__)
    )


def packed_audio(latents: Tensor) -> Tensor:
    """(b, c, l, m) as the transformer's tokens (b, l, c * m)."""
    return latents.transpose(1, 2).flatten(2, 3)


def encode_video(encoders: Encoders, frames: Tensor) -> Tensor:
    """Frames (b, f, 3, h, w) in -1..1 to normalised latents (b, c, f', h', w')."""
    with autocast(encoders.device):
        mean = encoders.video.encode(frames.transpose(1, 2)).latent_dist.mean.float()
    shift, scale = (
        b.view(1, -1, 1, 1, 1) for b in (encoders.video.latents_mean, encoders.video.latents_std)
    )
    return (mean - shift) / scale


def encode_sound(encoders: Encoders, sounds: Tensor) -> Tensor:
    """Sounds (b, 2, n) to normalised audio tokens (b, l, d)."""
    mels = torch.stack([mel.log_mel(sound) for sound in sounds])
    mean = packed_audio(encoders.audio.encode(mels).latent_dist.mean)
    return (mean - encoders.audio.latents_mean) / encoders.audio.latents_std


@torch.inference_mode()
def encode_clips(encoders: Encoders, seeds: list[int], canvas: Canvas) -> Batch:
    """Draw and encode whole clips."""
    clips = [draw(random_scene(seed), canvas, encoders.device) for seed in seeds]
    sounds = torch.stack([sound_of(random_scene(seed), canvas) for seed in seeds])
    last = canvas.num_frames - 1
    moments = [(last, Random(f"keyframe {seed}").randint(min(1, last), last)) for seed in seeds]
    # Clip by clip: whole batches of clips would need gigabytes; stills are small.
    parts = torch.stack(clips).split(len(clips) if last == 0 else 1)
    video = torch.cat([encode_video(encoders, part) for part in parts])
    return Batch(
        video=video.half(),
        audio=encode_sound(encoders, sounds.to(encoders.device)).half(),
        keyframes=_keyframes(encoders, clips, moments).half()
        if last
        else video.transpose(1, 2).repeat(1, KEYFRAMES, 1, 1, 1).half(),
        keyframe_at=torch.tensor(moments),
        seeds=torch.tensor(seeds),
    )


def _keyframes(encoders: Encoders, clips: list[Tensor], moments: list[tuple[int, int]]) -> Tensor:
    stills = torch.stack([clip[list(at)] for clip, at in zip(clips, moments, strict=True)])
    encoded = encode_video(encoders, stills.flatten(0, 1)[:, None])[:, :, 0]
    return encoded.unflatten(0, (len(clips), KEYFRAMES))


@torch.inference_mode()
def measure_spread(encoders: Encoders, clips: int = 48) -> None:
    """Write mean and spread of both VAEs' latents, over random clips, into their buffers."""
    for vae in (encoders.video, encoders.audio):
        vae.latents_mean.zero_()
        vae.latents_std.fill_(1.0)
    canvas = Canvas(256, 256, 49)
    batches = [encode_clips(encoders, [20_000_000 + i], canvas) for i in range(clips)]
    video = torch.cat([b.video.float() for b in batches]).transpose(0, 1).flatten(1)
    audio = torch.cat([b.audio.float() for b in batches]).flatten(0, 1).T
    for vae, values in ((encoders.video, video), (encoders.audio, audio)):
        vae.latents_mean.copy_(values.mean(1))
        vae.latents_std.copy_(values.std(1).clamp(min=1e-3))


def write_shard(encoders: Encoders, folder: Path, number: int, canvas: Canvas) -> Path:
    """Encode shard `number` unless it is there; its clips have seeds number * SHARD and on."""
    path = folder / f"shard-{number:05d}.pt"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        batch = encode_clips(encoders, list(range(number * SHARD, (number + 1) * SHARD)), canvas)
        save_whole(vars(batch), path)
    return path


def read_shard(path: Path) -> Batch:
    """A shard as written."""
    return Batch(**torch.load(path, weights_only=True))


def caption_of(seed: int, chance: Random) -> str:
    """A caption for the clip of a seed, worded by chance."""
    return caption(random_scene(seed), chance)
