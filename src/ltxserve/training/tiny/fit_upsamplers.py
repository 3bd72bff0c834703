"""Fits the latent upsamplers: twice the size, twice the frame rate, on scenes drawn both ways.

It knows the fitted video VAE, no text and no diffusion.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Literal

import torch
from diffusers import AutoencoderKLLTX2Video
from diffusers.pipelines.ltx2.latent_upsampler import LTX2LatentUpsamplerModel
from torch import Tensor

from ltxserve.training.tiny.assemble import save_half, whole_folder, write_hashes
from ltxserve.training.tiny.draw import Canvas, draw
from ltxserve.training.tiny.fitting import Fitting, OneFitting, autocast
from ltxserve.training.tiny.loop import Run, save_whole, train
from ltxserve.training.tiny.scene import random_scene
from ltxserve.training.tiny.sheet import save_sheet

Kind = Literal["latent_upsampler", "temporal_latent_upsampler"]
"""Spatial and temporal, as the folders of a diffusers model are named."""
WIDTH, BLOCKS = 96, 2
STEPS = 3000
BATCH = 8
FIRST_SHARDS = 8
STEPS_PER_SHARD = 25  # how fast the pool of pairs grows
LATENT_NOISE = 0.05  # of the latents' spread: what a denoiser leaves is never quite clean
SEEDS = 30_000_000  # scenes that no other fitting sees
SHOWN = 40_000_000


@dataclass(frozen=True)
class Supply:
    """What is drawn: canvases, one shard after the other; shards at most; pairs in each."""

    canvases: tuple[Canvas, ...]
    shards: int = 64
    pairs: int = 16


SUPPLIES: Mapping[Kind, Supply] = {
    "latent_upsampler": Supply((Canvas(256, 256, 17), Canvas(384, 256, 9), Canvas(512, 512, 9))),
    "temporal_latent_upsampler": Supply((Canvas(256, 256, 33), Canvas(256, 192, 49))),
}


@dataclass(frozen=True)
class Pair:
    """Latents as the VAE has them, (b, c, f, h, w): of half the size or rate, and of all of it."""

    half: Tensor
    whole: Tensor


def build_upsampler(kind: Kind, channels: int) -> LTX2LatentUpsamplerModel:
    """The class of LTX-2's upsamplers, scaled down."""
    return LTX2LatentUpsamplerModel(
        in_channels=channels,
        mid_channels=WIDTH,
        num_blocks_per_stage=BLOCKS,
        spatial_upsample=kind == "latent_upsampler",
        temporal_upsample=kind == "temporal_latent_upsampler",
        use_rational_resampler=False,
    )


def clips_of(kind: Kind, seed: int, canvas: Canvas, device: str) -> tuple[Tensor, Tensor]:
    """The same scene drawn by halves and in full, frames (f, 3, h, w) in -1..1."""
    scene = random_scene(seed)
    whole = draw(scene, canvas, device)
    if kind == "temporal_latent_upsampler":
        return whole[::2], whole
    half = Canvas(canvas.width // 2, canvas.height // 2, canvas.num_frames, canvas.fps)
    return draw(scene, half, device), whole


@torch.inference_mode()
def encoded(vae: AutoencoderKLLTX2Video, frames: Tensor) -> Tensor:
    """Frames (f, 3, h, w) to latents (1, c, f', h', w') as the VAE has them."""
    with autocast(frames.device.type):
        return vae.encode(frames.transpose(0, 1)[None]).latent_dist.mean.float()


def make_pairs(kind: Kind, vae: AutoencoderKLLTX2Video, seeds: list[int], canvas: Canvas) -> Pair:
    """Draw and encode; latents in half precision."""
    halves, wholes = [], []
    for seed in seeds:
        half, whole = clips_of(kind, seed, canvas, vae.device.type)
        halves.append(encoded(vae, half))
        wholes.append(encoded(vae, whole))
    return Pair(torch.cat(halves).half(), torch.cat(wholes).half())


class Pool:
    """Pairs that are encoded once and kept in files, more with every few steps.

    What a step sees depends on its number alone.
    """

    def __init__(
        self, kind: Kind, vae: AutoencoderKLLTX2Video, folder: Path, supply: Supply | None = None
    ) -> None:
        self.kind, self.vae = kind, vae
        self.supply = supply or SUPPLIES[kind]
        self._folder = folder
        self._read: dict[int, Pair] = {}

    def batch(self, number: int, size: int = BATCH) -> Pair:
        """The pairs of a step: some of one shard, so that they are of one shape."""
        chance = Random(f"{self.kind} {number}")
        ready = min(self.supply.shards, FIRST_SHARDS + number // STEPS_PER_SHARD)
        shard = self._shard(chance.randrange(ready))
        rows = torch.tensor(chance.sample(range(len(shard.half)), min(size, len(shard.half))))
        device = self.vae.device
        return Pair(shard.half[rows].float().to(device), shard.whole[rows].float().to(device))

    def _shard(self, number: int) -> Pair:
        if number not in self._read:
            path = self._folder / f"{self.kind}-{number:03d}.pt"
            if not path.exists():
                self._write(path, number)
            self._read[number] = Pair(**torch.load(path, weights_only=True))
        return self._read[number]

    def _write(self, path: Path, number: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        count, canvases = self.supply.pairs, self.supply.canvases
        first = SEEDS + number * count
        seeds = list(range(first, first + count))
        made = make_pairs(self.kind, self.vae, seeds, canvases[number % len(canvases)])
        save_whole(vars(made), path)


class UpsamplerJob(OneFitting):
    """Trains one upsampler on pairs, by the distance of latents in units of their spread."""

    def __init__(self, pool: Pool, steps: int = STEPS) -> None:
        torch.manual_seed(7)
        self.name, self.steps, self.pool = pool.kind, steps, pool
        vae = pool.vae
        self.spread = vae.latents_std.float().view(1, -1, 1, 1, 1)
        self.model = build_upsampler(pool.kind, vae.config.latent_channels).to(vae.device)
        self.fitting = Fitting(self.model, muon_lr=0.01, adam_lr=1e-3)

    def step(self, number: int, scale: float) -> dict[str, float]:
        """One update."""
        pair = self.pool.batch(number)
        noise = torch.randn(pair.half.shape, generator=torch.Generator().manual_seed(number))
        given = pair.half + LATENT_NOISE * self.spread * noise.to(pair.half.device)
        error = (self.model(given) - pair.whole) / self.spread
        loss = error.abs().mean() + error.square().mean()
        self.fitting.update(loss, scale)
        return {"error": math.sqrt(error.square().mean().item())}

    @torch.inference_mode()
    def sample(self, folder: Path, number: int) -> None:
        """Rows of scenes nobody was fitted on: through the VAE alone, and upsampled from halves."""
        vae, canvas, rows = self.pool.vae, self.pool.supply.canvases[0], []
        shown = torch.linspace(0, canvas.num_frames - 1, 4).round().long()
        for seed in range(SHOWN, SHOWN + 3):
            half, whole = clips_of(self.pool.kind, seed, canvas, vae.device.type)
            larger = self.model(encoded(vae, half))
            for latents in (encoded(vae, whole), larger):
                frames = vae.decode(latents).sample[0].float().transpose(0, 1)
                rows.append(torch.cat([*frames[shown]], dim=2))
        save_sheet(torch.cat(rows, dim=1), folder / "samples" / f"{self.name}-{number:06d}.png")


def train_upsamplers(
    run: Run,
    model: Path,
    device: str = "cpu",
    steps: int = STEPS,
    supplies: Mapping[Kind, Supply] = SUPPLIES,
) -> bool:
    """Fit both to a finished model's VAE and put them beside its parts; False if time ran out.

    model: the folder that `ltxserve train tiny` writes. Run it again to go on.
    """
    vae = AutoencoderKLLTX2Video.from_pretrained(model / "vae", local_files_only=True)
    vae.to(device).eval()
    pools = [Pool(kind, vae, run.folder / "pairs", supply) for kind, supply in supplies.items()]
    jobs = [UpsamplerJob(pool, steps) for pool in pools]
    if not all(train(job, run) for job in jobs):
        return False
    for job in jobs:
        with whole_folder(model / job.name) as draft:
            save_half(job.model, draft)
    write_hashes(model)
    return True
