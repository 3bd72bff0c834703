"""Fits the video VAE: stills first, then short clips as well: the slow start is paid cheaply.

It knows no text and no diffusion.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import torch
from torch import Tensor
from torch.nn import functional

from ltxserve.training.tiny.draw import Canvas, camera_path, draw, thing_path
from ltxserve.training.tiny.fitting import Fitting, OneFitting, autocast
from ltxserve.training.tiny.model import build_vae
from ltxserve.training.tiny.scene import Scene, random_scene
from ltxserve.training.tiny.sheet import save_sheet

# At most so much of the latents' spread: the decoder must forgive a denoiser's small errors.
LATENT_NOISE = 0.12
ANYWHERE = 0.2  # share of crops that are taken without looking for a thing
THING = 9.0  # weight of pixels on a thing or near one; texture has 1 and nine tenths of the pixels
NEAR = 4  # pixels
SEEN = 0.04  # how far a pixel of a thing is from the bare backdrop's
STILL_EVERY = 5  # while clips are learned, so that one frame alone is not forgotten


@dataclass(frozen=True)
class Phase:
    """Steps of one kind, up to the share `until` of all steps.

    Clips of `frames` frames are drawn at `side` pixels and cut to `crop`, `batch` of them a step.
    """

    until: float
    frames: int
    side: int
    crop: int
    batch: int


PHASES = (
    Phase(0.2, 1, 256, 128, 8),
    Phase(0.6, 9, 256, 128, 3),
    Phase(1.0, 17, 256, 128, 3),
)


def phase_at(number: int, steps: int) -> Phase:
    """The phase that a step belongs to; every few steps the first one again."""
    if number % STILL_EVERY == 0:
        return PHASES[0]
    return next(phase for phase in PHASES if number < phase.until * steps or phase.until == 1.0)


def weighed_clip(seed: int, phase: Phase, device: str) -> tuple[Tensor, Tensor]:
    """A crop of a window of a random clip (3, frames, crop, crop), and its pixels' weights.

    weights: (1, frames, crop, crop). Outlines are few pixels: unweighted, they come out as blurs.
    """
    chance = Random(f"vae {seed}")
    scene = random_scene(seed)
    # The pace of a 49-frame clip: a window of `frames` shows frames/49 of the scene's movement.
    canvas, shown = Canvas(phase.side, phase.side, 49), window(chance, phase.frames)
    left, top = corner(scene, canvas, chance, (shown.start + shown.stop) // 2, phase.crop)
    cropped, bare = (
        draw(each, canvas, device, shown)[:, :, top : top + phase.crop, left : left + phase.crop]
        for each in (scene, replace(scene, things=()))
    )
    on_thing = ((cropped - bare).abs().amax(1) > SEEN).float()
    near = functional.max_pool2d(on_thing, 2 * NEAR + 1, 1, NEAR)[None]
    return cropped.transpose(0, 1), 1 + (THING - 1) * near


def corner(scene: Scene, canvas: Canvas, chance: Random, frame: int, crop: int) -> tuple[int, int]:
    """Left and top of a random crop, mostly one that holds a thing's middle at that frame.

    Half of all crops by chance alone would show nothing but texture.
    """
    if chance.random() < ANYWHERE:
        return chance.randrange(canvas.width - crop + 1), chance.randrange(canvas.height - crop + 1)
    when = torch.tensor([frame / (canvas.num_frames - 1)])
    zoom, pan_x, pan_y = camera_path(scene, when)
    x, y, _ = thing_path(chance.choice(scene.things), when, torch.tensor([frame / canvas.fps]))
    places = ((x - pan_x) * zoom).item(), ((y - pan_y) * zoom).item()
    left, top = (
        _around(place * canvas.unit + side / 2, crop, side, chance)
        for place, side in zip(places, (canvas.width, canvas.height), strict=True)
    )
    return left, top


def _around(place: float, crop: int, side: int, chance: Random) -> int:
    """A random start of a crop that holds a place, within the side."""
    start = round(place) - chance.randrange(crop // 8, crop - crop // 8)
    return min(max(start, 0), side - crop)


def window(chance: Random, frames: int, of: int = 49) -> slice:
    """A random run of frames."""
    first = chance.randrange(of - frames + 1)
    return slice(first, first + frames)


class VaeJob(OneFitting):
    """Trains the video VAE.

    Batches and phases are tuned for a laptop CPU; `batch_scale` widens the batches for GPUs.
    """

    name = "vae"

    def __init__(self, steps: int, device: str = "cpu", batch_scale: int = 1) -> None:
        torch.manual_seed(1)
        self.steps, self.device, self.batch_scale = steps, device, batch_scale
        self.model = build_vae().to(device)
        self.fitting = Fitting(self.model, muon_lr=0.012, adam_lr=1e-3)

    def phase(self, number: int) -> Phase:
        """What a step is about."""
        return phase_at(number, self.steps)

    def encoded(self, clips: Tensor) -> Tensor:
        """Latents of clips (b, 3, f, h, w), with their gradients."""
        return self.model.encode(clips).latent_dist.mean

    def step(self, number: int, scale: float) -> dict[str, float]:
        """One update on fresh clips."""
        phase = self.phase(number)
        batch = phase.batch * self.batch_scale
        drawn = [weighed_clip(number * batch + i, phase, self.device) for i in range(batch)]
        clips, weights = (torch.stack(part) for part in zip(*drawn, strict=True))
        noise = torch.Generator(device=self.device).manual_seed(number)
        with autocast(self.device):
            mean = self.encoded(clips)
            spread = mean.detach().float().std().clamp(min=0.1)
            jitter = torch.randn(mean.shape, generator=noise, device=self.device)
            amount = torch.rand((batch, 1, 1, 1, 1), generator=noise, device=self.device)
            pictures = self.model.decode(mean + LATENT_NOISE * amount * spread * jitter).sample
        error = pictures.float() - clips
        squared = error.square().mean()
        loss = weighed_error(error, weights) + 1e-3 * mean.float().square().mean()
        self.fitting.update(loss, scale)
        return {"psnr": 10 * math.log10(4 / max(squared.item(), 1e-9)), "spread": spread.item()}

    @torch.inference_mode()
    def sample(self, folder: Path, number: int) -> None:
        """Original beside reconstruction, first, middle and last frame of four clips."""
        rows = []
        for seed in range(4):
            clip = draw(random_scene(10_000_000 + seed), Canvas(256, 256, 25), self.device)
            with autocast(self.device):
                again = self.model.decode(
                    self.model.encode(clip.transpose(0, 1)[None]).latent_dist.mean
                ).sample
            again = again[0].float().transpose(0, 1)
            rows.append(torch.cat([*clip[[0, 12, 24]], *again[[0, 12, 24]]], dim=2))
        save_sheet(torch.cat(rows, dim=1), folder / "samples" / f"{self.name}-{number:06d}.png")


class DecoderJob(VaeJob):
    """Goes on with the decoder alone: latents, and what was fitted on them, stay as they are."""

    name = "decoder"

    def __init__(self, steps: int, device: str = "cpu", batch_scale: int = 1) -> None:
        super().__init__(steps, device, batch_scale)
        self.model.encoder.requires_grad_(False)
        self.fitting = Fitting(self.model, muon_lr=0.008, adam_lr=5e-4)

    def start_from(self, model: dict[str, Tensor]) -> None:
        """Begin with a fitted VAE's weights."""
        self.model.load_state_dict(model)

    def phase(self, number: int) -> Phase:
        """Whole clips' ways of moving, with stills between."""
        return PHASES[0] if number % STILL_EVERY == 0 else PHASES[-1]

    @torch.no_grad()
    def encoded(self, clips: Tensor) -> Tensor:
        """Latents of clips; nothing flows back into the encoder."""
        return super().encoded(clips)


def weighed_error(error: Tensor, weights: Tensor) -> Tensor:
    """Mean of absolute and squared errors and of neighbours' differences, weighted.

    The differences make sharp edges count more than flat shifts.
    """
    across = (error[..., 1:] - error[..., :-1]).abs() * weights[..., 1:]
    down = (error[..., 1:, :] - error[..., :-1, :]).abs() * weights[..., 1:, :]
    size = (error.abs() + error.square()) * weights
    return (size.mean() + across.mean() + down.mean()) / weights.mean()
