"""Fits transformer, connectors and text encoder together by flow matching on cached latents.

It knows the networks and their loss, not how clips are noised or where they come from.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import torch
from torch import Tensor

from ltxserve.training.tiny.fitting import Fitting, autocast
from ltxserve.training.tiny.latents import Batch, caption_of
from ltxserve.training.tiny.masks import MaskReader, thing_masks
from ltxserve.training.tiny.model import HEAD_WIDTH, VIDEO_HEADS
from ltxserve.training.tiny.net import Net
from ltxserve.training.tiny.noising import FPS, Noised, noised

NO_TEXT = 0.1  # share of captions left empty, for guidance
AUDIO_WEIGHT = 0.3
EMA = 0.998
READ_AT = 3  # the block that masks are read after; the last one makes latents of what they say
GUIDED_ABOVE = 0.5  # noise level; below it words change little and guidance would only sharpen

Sampler = Callable[[Net, Path], None]
"""Draws a sample sheet with the given weights into a file."""


class TransformerJob:
    """Trains on batches that `source` gives by step number; what ships is averaged weights.

    moments: see only so many latent frames of each clip; None for all.
    guidance: learn what guidance at this scale would make, so that sampling needs none (1 = off).
    """

    def __init__(
        self,
        name: str,
        steps: int,
        source: Callable[[int], Batch],
        device: str = "cpu",
        sampler: Sampler | None = None,
        moments: int | None = None,
        guidance: float = 1.0,
    ) -> None:
        torch.manual_seed(4)
        self.sampler, self.moments, self.guidance = sampler, moments, guidance
        self.name, self.steps, self.source, self.device = name, steps, source, device
        self.net = Net().to(device)
        blocks = self.net.transformer.transformer_blocks
        self.reader = MaskReader(blocks[READ_AT], VIDEO_HEADS * HEAD_WIDTH).to(device)
        self.fitting = Fitting(self.net, muon_lr=0.006, adam_lr=7e-4)
        self.average = {key: value.detach().clone() for key, value in self.net.state_dict().items()}

    def start_from(self, average: dict[str, Tensor]) -> None:
        """Begin with weights of an earlier stage."""
        self.net.load_state_dict(average)
        self.average = {key: value.detach().clone() for key, value in average.items()}

    def compile(self) -> None:
        """Compile the transformer's blocks: fewer passes over memory for the same sums."""
        for block in self.net.transformer.transformer_blocks:
            block.compile()

    def step(self, number: int, scale: float) -> dict[str, float]:
        """One update."""
        chance = Random(f"{self.name} {number}")
        batch = self.source(number)
        texts = [
            "" if chance.random() < NO_TEXT else caption_of(int(s), chance) for s in batch.seeds
        ]
        seen = noised(batch, self.net.transformer.rope, chance, self.moments).to(self.device)
        with autocast(self.device):
            video, audio = self._predict(seen, texts, batch)
        mask_loss = self._mask_loss(seen, batch)
        if self.guidance > 1:
            seen = self._guided(seen, (video, audio), texts, batch)
        video_loss = ((video.float() - seen.video_target).square() * seen.weights).sum() / (
            seen.weights.sum() * seen.video.shape[2]
        )
        audio_loss = (audio.float() - seen.audio_target).square().mean()
        self.fitting.update(video_loss + AUDIO_WEIGHT * audio_loss + mask_loss, scale)
        self.reader.update()
        self._follow(min(EMA, (number + 1) / (number + 20)))
        return {
            "video": video_loss.item(),
            "audio": audio_loss.item(),
            "mask": mask_loss.item(),
        }

    def _mask_loss(self, seen: Noised, batch: Batch) -> Tensor:
        _, _, frames, height, width = batch.video.shape
        masks = thing_masks(batch.seeds.tolist(), seen.coords, (frames, height, width))
        return self.reader.loss(masks.to(self.device), seen.weights)

    @torch.no_grad()
    def _guided(
        self, seen: Noised, told: tuple[Tensor, Tensor], texts: list[str], batch: Batch
    ) -> Noised:
        """Targets moved away from what would be made without words (model guidance).

        Where they are met, the prediction is true + (guidance - 1) * (true - wordless).
        """
        with autocast(self.device):
            video, audio = self._predict(seen, [""] * len(texts), batch)
        worded = torch.tensor([bool(text) for text in texts], device=self.device)
        share = (1 - 1 / self.guidance) * (worded & (seen.sigma > GUIDED_ABOVE))[:, None, None]
        return replace(
            seen,
            video_target=seen.video_target + share * (told[0].detach() - video).float(),
            audio_target=seen.audio_target + share * (told[1].detach() - audio).float(),
        )

    def _predict(self, seen: Noised, texts: list[str], batch: Batch) -> tuple[Tensor, Tensor]:
        words, audio_words, mask = self.net.read(texts)
        _, _, frames, height, width = batch.video.shape
        timestep = seen.sigma * 1000
        return self.net.transformer(
            hidden_states=seen.video,
            audio_hidden_states=seen.audio,
            encoder_hidden_states=words,
            audio_encoder_hidden_states=audio_words,
            timestep=seen.level * 1000,
            audio_timestep=timestep,
            sigma=timestep,
            audio_sigma=timestep,
            encoder_attention_mask=mask,
            audio_encoder_attention_mask=mask,
            num_frames=frames,
            height=height,
            width=width,
            fps=FPS,
            audio_num_frames=seen.audio.shape[1],
            video_coords=seen.coords,
            use_cross_timestep=True,
            return_dict=False,
        )

    @torch.no_grad()
    def _follow(self, keep: float) -> None:
        for key, value in self.net.state_dict().items():
            if value.dtype.is_floating_point:
                self.average[key].lerp_(value, 1 - keep)

    def state(self) -> dict[str, Any]:
        """What is needed to go on, and the averaged weights."""
        told = {"average": self.average, "reader": self.reader.state()}
        return {**self.fitting.state(), **told}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.fitting.restore(state)
        self.reader.restore(state["reader"])
        self.average = state["average"]

    def sample(self, folder: Path, number: int) -> None:
        """A sheet of what the averaged weights make of a few prompts, where there is a sampler."""
        if self.sampler is None:
            return
        net = Net()
        net.load_state_dict(self.average)
        self.sampler(
            net.to(self.device).eval(), folder / "samples" / f"{self.name}-{number:06d}.png"
        )
