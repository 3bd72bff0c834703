"""diffusers' LTX-Video pipeline with what it lacks: a place, older times, control videos.

Control videos are seen as tokens before all others, at the places of the clip's own, as
Lightricks' trainer has them (its LTXConditionPipeline, `reference_video`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from diffusers import LTXConditionPipeline
from diffusers.utils.torch_utils import randn_tensor
from torch import Tensor

from ltxserve.engine.backends.diffusers.references import Reference
from ltxserve.engine.geometry import FRAME_STEP, SIDE_STEP

Sequences = tuple[Tensor, Tensor | None, Tensor, int]
"""Latents (1, n, c), how much of each is held (1, n), places (1, 3, n), how many lie before."""


class LtxvPipeline(LTXConditionPipeline):
    """The pipeline, told where it computes: its parts may be elsewhere while they wait.

    first_frame_alone: see Layout; diffusers' own knows the times since 0.9.5 alone. references:
    what a pass follows.
    """

    place: torch.device = torch.device("cpu")
    first_frame_alone: bool = True
    references: Sequence[Reference] = ()

    @property
    def _execution_device(self) -> torch.device:
        return self.place

    def _scale_video_ids(self, video_ids: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        made: Tensor = super()._scale_video_ids(video_ids, *args, **kwargs)
        if not self.first_frame_alone:
            frames = video_ids[:, 0]
            # The first begins with the clip in either way; each later one seven pictures later.
            made[:, 0] += torch.where(frames > 0, FRAME_STEP - 1, 0)
        return made

    @contextmanager
    def following(self, references: Sequence[Reference]) -> Iterator[None]:
        """Inside, clips follow these."""
        self.references = references
        try:
            yield
        finally:
            self.references = ()

    def prepare_latents(self, *args: Any, **kwargs: Any) -> Sequences:
        """What the class prepares, with references before it."""
        made: Sequences = super().prepare_latents(*args, **kwargs)
        for reference in reversed(self.references):
            made = self._led(reference, made, kwargs["generator"])
        return made

    def _led(self, reference: Reference, made: Sequences, generator: torch.Generator) -> Sequences:
        latents, held, places, before = made
        tokens = reference.tokens.to(latents)
        if reference.strength < 1:
            noise = randn_tensor(tokens.shape, generator, latents.device, latents.dtype)
            tokens = torch.lerp(noise, tokens, reference.strength)
        if held is None:
            held = latents.new_zeros(latents.shape[:2])
        return (
            torch.cat([tokens, latents], dim=1),
            torch.cat([held.new_full(tokens.shape[:2], reference.strength), held], dim=1),
            torch.cat([self._places(reference).to(places), places], dim=2),
            before + tokens.shape[1],
        )

    def _places(self, reference: Reference) -> Tensor:
        frames, rows, columns = reference.grid
        ids = self._prepare_video_ids(1, frames, rows, columns, device=self.place)
        places = self._scale_video_ids(ids, SIDE_STEP, FRAME_STEP, 0, self.place)
        places[:, 1:] = places[:, 1:] * reference.downscale
        return places
