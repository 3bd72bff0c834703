"""What every resident model has, of whatever family: where its parts are, its adapters, the texts
it has read, its previews. It knows no denoising.
"""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar

import torch
from torch import nn

from ltxserve.catalog import ModelSpec
from ltxserve.engine.backends.base import Foreseen, Frames
from ltxserve.engine.backends.diffusers import foretelling
from ltxserve.engine.backends.diffusers.adapters.rack import Find, Rack
from ltxserve.engine.backends.diffusers.adapters.worn import Use
from ltxserve.engine.backends.diffusers.device import free_memory, peak_memory
from ltxserve.engine.backends.diffusers.failures import Watched, device_errors
from ltxserve.engine.backends.diffusers.previews import fit_preview, middle_frame
from ltxserve.engine.backends.diffusers.prompts import PromptCache
from ltxserve.engine.backends.diffusers.residency import Residency, device_bytes
from ltxserve.engine.backends.diffusers.text import EncodedText, encode_text
from ltxserve.engine.backends.diffusers.upsampling import Upsamplers
from ltxserve.engine.plan import Plan
from ltxserve.engine.preview import LinearPreview
from ltxserve.progress import Observer, Progress


class Resident:
    """A model on one device. A family says which pipelines of diffusers run it.

    upsampler: the one for latent upscalers; those are taken out of the parts.
    """

    upsampler: ClassVar[type]
    pipeline: Any

    def __init__(
        self,
        spec: ModelSpec,
        parts: dict[str, Any],
        device: torch.device,
        find: Find | None = None,
    ) -> None:
        self.spec = spec
        self.device = device
        self.upsamplers = Upsamplers.taken(spec.name, self.upsampler, parts)
        self.foretelling = foretelling.taken(parts)
        self.adapters = Rack(spec, parts, find)
        modules = {name: part for name, part in parts.items() if isinstance(part, nn.Module)}
        self.residency = Residency(
            {**modules, **self.upsamplers.modules, **self.foretelling}, device, device_bytes(device)
        )
        self.residency.settle()
        self.prompts = PromptCache()
        # Kept after `close`: a model that is loaded while this object lives can share it.
        self._shared = parts.get("text_encoder")
        self._preview: LinearPreview | None = None
        self.pipeline = self._piped(parts)
        self.pipeline.place = device
        self.pipeline.set_progress_bar_config(disable=True)

    def _piped(self, parts: dict[str, Any]) -> Any:
        """The pipeline that denoises, of the parts that are left."""
        raise NotImplementedError

    def foresee(self, plan: Plan, seed: int, observer: Observer) -> Foreseen:
        """See Backend.foresee."""
        watched = Watched(observer)
        with torch.inference_mode(), device_errors(watched):
            self.residency.begin(plan)
            if plan.stages[0].kind == "enhance_prompt":
                self.residency.enter("encode_prompt")
                return foretelling.write_prompt(self.pipeline, plan, seed, watched)
            head = foretelling.check_head(self.foretelling, self.spec.name)
            # The clip's own prompt, which the run that follows finds read.
            text = self.read(plan, watched)
            return foretelling.tell_seconds(self.pipeline, head, text, watched)

    def worn(self, plan: Plan) -> tuple[tuple[Use, ...], ...]:
        """The adapters of every pass. Raises what `Rack.take` raises."""
        shared = self.adapters.take(plan.loras)
        return tuple((*shared, *self.adapters.take(stage.loras)) for stage in plan.passes)

    def read(self, plan: Plan, watched: Watched) -> EncodedText:
        """A plan's texts; afterwards the parts that denoise are on the device."""
        watched(Progress("encode_prompt", 0, 1))
        reading = partial(self.residency.enter, "encode_prompt")
        text = encode_text(self.pipeline, plan, self.spec.name, self.prompts, reading)
        watched(Progress("encode_prompt", 1, 1))
        self.residency.enter("denoise")
        return text

    def peak_memory(self) -> int:
        """See Backend.peak_memory."""
        return peak_memory(self.device)

    def preview(self, latents: Any) -> Frames:
        """See Backend.preview."""
        if self._preview is None:
            self._preview = fit_preview(self.pipeline.vae, self.device)
        return self._preview.picture(middle_frame(latents))

    def recover(self) -> None:
        """See Backend.recover."""
        free_memory(self.device)

    def close(self) -> None:
        """See Backend.close."""
        self.residency.leave()
        self.adapters.clear()
        self.prompts.clear()
        del self.pipeline, self.residency, self.upsamplers, self.foretelling
        free_memory(self.device)
