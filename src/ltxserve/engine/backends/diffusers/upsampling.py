"""A model's latent upsamplers: twice the size, twice the frame rate. They know no pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor, nn

from ltxserve.engine.geometry import SIDE_STEP
from ltxserve.engine.plan import Plan
from ltxserve.errors import ModelUnavailable
from ltxserve.progress import Observer, Progress

Kind = Literal["upscale_spatial", "upscale_temporal"]
PARTS: Mapping[Kind, str] = {
    "upscale_spatial": "latent_upsampler",
    "upscale_temporal": "temporal_latent_upsampler",
}
"""Stages of a plan -> parts of a model, as the diffusers form of LTX-2.5 names its folders."""
_FIELDS: Mapping[Kind, str] = {
    "upscale_spatial": "upscale.spatial",
    "upscale_temporal": "upscale.temporal",
}


@dataclass(frozen=True)
class Finish:
    """What is done to upsampled latents, both 0 (not at all) to 1.

    adain: every channel gets back its mean and spread. tone_map: strong values are compressed.
    """

    adain: float = 0.0
    tone_map: float = 0.0


FINISH = Finish()
"""Nothing is done: Lightricks' LTX-2 pipelines only upsample."""


class Upsamplers:
    """Those that a model has. pipeline: diffusers' class that runs them."""

    def __init__(self, model: str, pipeline: type, parts: Mapping[str, nn.Module]) -> None:
        self.modules = dict(parts)
        self._model = model
        self._pipeline: Any = pipeline

    @classmethod
    def taken(cls, model: str, pipeline: type, parts: dict[str, Any]) -> Upsamplers:
        """Take them out of a model's parts: the pipeline that denoises does not know them."""
        found = {name: parts.pop(name) for name in PARTS.values() if name in parts}
        return cls(model, pipeline, found)

    def check(self, plan: Plan) -> None:
        """Raises ModelUnavailable `weights_missing` where the plan needs one that is not here."""
        for kind, part in PARTS.items():
            wanted = any(stage.kind == kind for stage in plan.stages)
            if wanted and part not in self.modules:
                raise ModelUnavailable(
                    "weights_missing",
                    f"The file of {self._model} that this needs, its upscaler, is not here.",
                    f"Pull it: ltxserve models pull {self._model}",
                    _FIELDS[kind],
                )

    def run(
        self,
        kind: Kind,
        vae: nn.Module,
        latents: Tensor,
        observer: Observer,
        finish: Finish = FINISH,
    ) -> Tensor:
        """Latents (1, c, f, h, w) twice as large (2h, 2w), or twice as often (2f - 1).

        As the denoising pipeline of the same family gives and takes them, where they are.
        """
        observer(Progress(kind, 0, 1))
        pipeline = self._pipeline(vae, self.modules[PARTS[kind]])
        made = pipeline(
            latents=latents,
            height=latents.shape[3] * SIDE_STEP,
            width=latents.shape[4] * SIDE_STEP,
            adain_factor=finish.adain,
            tone_map_compression_ratio=finish.tone_map,
            output_type="latent",
            return_dict=False,
        )[0]
        observer(Progress(kind, 1, 1))
        return made.to(latents.dtype)
