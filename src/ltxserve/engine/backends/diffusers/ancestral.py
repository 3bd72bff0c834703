"""Euler steps with fresh noise in each, for flows: what LTX-2.5's distilled model was made for.

Knows no model: how far a token is held is told by whoever settles what came out of a step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from diffusers.utils.torch_utils import randn_tensor
from torch import Tensor

SEED_OFFSET = 10_000
"""Between the seed of a run and that of the noise of its steps, as in ltx_pipelines 1.2.0."""


def _as_it_is(sample: Tensor) -> Tensor:
    return sample


class AncestralScheduler(FlowMatchEulerDiscreteScheduler):
    """Steps below the next noise level, and back up to it with noise (eta 1, full noise)."""

    noise: torch.Generator | None = None
    """Where the noise comes from."""
    settle: Callable[[Tensor], Tensor] = staticmethod(_as_it_is)
    """What is done to a sample that noise was added to: tokens that are held are put back."""
    clean: Tensor | None = None
    """What the last step has foreseen as the end."""

    def step(self, model_output: Tensor, timestep: Any, sample: Tensor, **more: Any) -> Any:
        """One step; as the scheduler's own in its arguments, a tuple comes out."""
        del more
        if self.step_index is None:
            self._init_step_index(timestep)
        index = int(self.step_index or 0)
        sigma, following = (float(self.sigmas[index + i]) for i in (0, 1))
        self._step_index = index + 1
        self.clean = sample - sigma * model_output
        if following == 0:
            return (self.clean,)
        low = following * following / sigma
        share = low / sigma
        down = share * sample + (1 - share) * self.clean
        kept = (1 - following) / (1 - low)
        amount = max(0.0, following**2 - (low * kept) ** 2) ** 0.5
        noise = randn_tensor(
            sample.shape, generator=self.noise, device=sample.device, dtype=sample.dtype
        )
        return (self.settle(kept * down + amount * noise),)
