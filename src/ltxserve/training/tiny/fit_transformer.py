"""Fits transformer, connectors and text encoder together by flow matching on cached latents.

It knows how the pipelines condition (first frame replaced, keyframes appended), not the pipelines.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import torch
from torch import Tensor, nn

from ltxserve.training.tiny.emphasis import CELL, token_weights
from ltxserve.training.tiny.fitting import Fitting, autocast
from ltxserve.training.tiny.latents import Batch, caption_of
from ltxserve.training.tiny.model import (
    MAX_TOKENS,
    build_connectors,
    build_text_encoder,
    build_tokenizer,
    build_transformer,
)

NO_TEXT = 0.1  # share of steps' captions left empty, for guidance
FIRST_FRAME, KEYFRAMES = 0.35, 0.3  # shares of steps with those conditions
AUDIO_WEIGHT = 0.3
EMA = 0.998
FPS = 24.0
SHIFTS = torch.tensor((1.0, 4.0, 12.0, 12.0))  # of the noise levels, drawn evenly


class Net(nn.Module):
    """Everything that is fitted here: text encoder, connectors, transformer."""

    def __init__(self) -> None:
        super().__init__()
        self.text_encoder = build_text_encoder()
        self.connectors = build_connectors()
        self.transformer = build_transformer()
        # The vision tower is there for the class' sake only.
        for name, weight in self.text_encoder.named_parameters():
            weight.requires_grad = "vision" not in name and "multi_modal" not in name


Sampler = Callable[[Net, Path], None]
"""Draws a sample sheet with the given weights into a file."""


@dataclass(frozen=True)
class Noised:
    """A batch as the transformer sees it; `kept` is 1 where a token is given, `level` its noise."""

    video: Tensor
    audio: Tensor
    video_target: Tensor
    audio_target: Tensor
    kept: Tensor
    level: Tensor
    sigma: Tensor
    coords: Tensor


def tokens_of(latents: Tensor) -> Tensor:
    """(b, c, f, h, w) as tokens (b, f * h * w, c)."""
    return latents.flatten(2).transpose(1, 2)


def random_sigmas(count: int, generator: torch.Generator) -> Tensor:
    """Noise levels, two fifths of them above 0.9.

    A clip's latents say the same thing many times over: at 0.9 a glance tells backdrop and places,
    so that what words decide is decided above it, as LTX-2's own distilled sigmas show.
    """
    even = torch.rand(count, generator=generator)
    shift = SHIFTS[torch.randint(len(SHIFTS), (count,), generator=generator)]
    return (shift * even / (1 + (shift - 1) * even)).clamp(0.01, 1.0)


def keyframe_coords(at: Tensor, height: int, width: int) -> Tensor:
    """Positions (b, 3, h * w, 2) of keyframes' tokens at pixel frames `at` (b,)."""
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    starts = torch.stack([torch.zeros_like(rows), rows * CELL, columns * CELL]).flatten(1).float()
    ends = starts + torch.tensor([[0.0], [CELL], [CELL]])
    coords = torch.stack([starts, ends], -1)[None].repeat(len(at), 1, 1, 1)
    coords[:, 0, :, 0] = at[:, None] / FPS
    coords[:, 0, :, 1] = (at[:, None] + 1) / FPS
    return coords


class TransformerJob:
    """Trains on batches that `source` gives by step number; what ships is averaged weights."""

    def __init__(
        self,
        name: str,
        steps: int,
        source: Callable[[int], Batch],
        device: str = "cpu",
        sampler: Sampler | None = None,
    ) -> None:
        torch.manual_seed(4)
        self.sampler = sampler
        self.name, self.steps, self.source, self.device = name, steps, source, device
        self.net = Net().to(device)
        self.tokenizer = build_tokenizer()
        self.fitting = Fitting(self.net, muon_lr=0.012, adam_lr=1.5e-3)
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
        generator = torch.Generator().manual_seed(chance.randrange(2**40))
        batch = self.source(number)
        texts = [
            "" if chance.random() < NO_TEXT else caption_of(int(s), chance) for s in batch.seeds
        ]
        noised = self._noised(batch, chance, generator)
        with autocast(self.device):
            video, audio = self._predict(noised, texts, batch)
        free = 1 - noised.kept
        weights = token_weights(batch.seeds.tolist(), *batch.video.shape[2:]).to(self.device)
        free[:, : weights.shape[1]] *= weights
        video_loss = ((video.float() - noised.video_target).square() * free).sum() / (
            free.sum() * noised.video.shape[2]
        )
        audio_loss = (audio.float() - noised.audio_target).square().mean()
        self.fitting.update(video_loss + AUDIO_WEIGHT * audio_loss, scale)
        self._follow(min(EMA, (number + 1) / (number + 20)))
        return {"video": video_loss.item(), "audio": audio_loss.item()}

    def _noised(self, batch: Batch, chance: Random, generator: torch.Generator) -> Noised:
        latents, audio = batch.video.float(), batch.audio.float()
        count, _, frames, height, width = latents.shape
        tokens, cells = tokens_of(latents), height * width
        kept = torch.zeros(count, tokens.shape[1], 1)
        coords = self.net.transformer.rope.prepare_video_coords(
            count, frames, height, width, torch.device("cpu"), fps=FPS
        )
        if frames > 1 and chance.random() < FIRST_FRAME:
            kept[:, :cells] = chance.choice((1.0, 1.0, 0.8))
        if frames > 1 and chance.random() < KEYFRAMES:
            which = chance.choice(([0], [0], [1], [0, 1]))
            for k in which:
                tokens = torch.cat(
                    [tokens, tokens_of(batch.keyframes[:, k].float()[:, :, None])], 1
                )
                kept = torch.cat(
                    [kept, torch.full((count, cells, 1), chance.choice((1.0, 1.0, 0.8)))], 1
                )
                coords = torch.cat(
                    [coords, keyframe_coords(batch.keyframe_at[:, k], height, width)], 2
                )
        sigma = random_sigmas(count, generator)
        noise = torch.randn(tokens.shape, generator=generator)
        audio_noise = torch.randn(audio.shape, generator=generator)
        level = sigma[:, None, None]
        token_level = level * (1 - kept)
        made = Noised(
            video=token_level * noise + (1 - token_level) * tokens,
            audio=level * audio_noise + (1 - level) * audio,
            video_target=noise - tokens,
            audio_target=audio_noise - audio,
            kept=(kept == 1).float(),
            level=token_level.squeeze(-1),
            sigma=sigma,
            coords=coords,
        )
        return Noised(*(getattr(made, n).to(self.device) for n in Noised.__dataclass_fields__))

    def _predict(self, noised: Noised, texts: list[str], batch: Batch) -> tuple[Tensor, Tensor]:
        encoded = self.tokenizer(
            texts, padding="max_length", max_length=MAX_TOKENS, truncation=True, return_tensors="pt"
        ).to(self.device)
        hidden = self.net.text_encoder.model(
            input_ids=encoded.input_ids,
            attention_mask=encoded.attention_mask,
            output_hidden_states=True,
        ).hidden_states
        words, audio_words, mask = self.net.connectors(
            torch.stack(hidden, -1).flatten(2, 3), encoded.attention_mask, padding_side="left"
        )
        _, _, frames, height, width = batch.video.shape
        timestep = noised.sigma * 1000
        return self.net.transformer(
            hidden_states=noised.video,
            audio_hidden_states=noised.audio,
            encoder_hidden_states=words,
            audio_encoder_hidden_states=audio_words,
            timestep=noised.level * 1000,
            audio_timestep=timestep,
            sigma=timestep,
            audio_sigma=timestep,
            encoder_attention_mask=mask,
            audio_encoder_attention_mask=mask,
            num_frames=frames,
            height=height,
            width=width,
            fps=FPS,
            audio_num_frames=noised.audio.shape[1],
            video_coords=noised.coords,
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
        return {**self.fitting.state(), "average": self.average}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.fitting.restore(state)
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
