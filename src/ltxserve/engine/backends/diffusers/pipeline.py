"""diffusers' LTX-2 pipeline, able to say when conditions are encoded and denoising begins."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from diffusers import LTX2ConditionPipeline
from torch import Tensor


def _nothing() -> None:
    """What is called unless somebody wants to know."""


class TellingPipeline(LTX2ConditionPipeline):
    """The pipeline calls back at the end of a step only: the first step's begin is told here."""

    latents_ready: Callable[[], None] = staticmethod(_nothing)
    before: Tensor | None = None
    """The latents (1, tokens, channels) that the step under way began with."""

    def prepare_latents(self, *args: Any, **kwargs: Any) -> Any:
        """As the pipeline's own; afterwards all conditions have been through the VAE."""
        prepared = super().prepare_latents(*args, **kwargs)
        self.before = prepared[0]
        self.latents_ready()
        return prepared
