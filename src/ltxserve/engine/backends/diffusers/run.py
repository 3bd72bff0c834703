"""Executes plans on a loaded LTX-2 model, up to what is to be decoded; knows no file, no queue."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ltxserve.catalog import ModelSpec
from ltxserve.engine.backends.base import ConditionFrames, Frames, Given
from ltxserve.engine.backends.diffusers.adapters.rack import Find, Rack
from ltxserve.engine.backends.diffusers.conditions import placed
from ltxserve.engine.backends.diffusers.decode import Window, decode_chunks
from ltxserve.engine.backends.diffusers.device import free_memory, peak_memory
from ltxserve.engine.backends.diffusers.failures import Watched, device_errors
from ltxserve.engine.backends.diffusers.given import encode_given
from ltxserve.engine.backends.diffusers.guidance import guidance_arguments
from ltxserve.engine.backends.diffusers.pipeline import TellingPipeline
from ltxserve.engine.backends.diffusers.previews import fit_preview, foreseen, middle_frame
from ltxserve.engine.backends.diffusers.prompts import PromptCache
from ltxserve.engine.backends.diffusers.residency import Residency, device_bytes
from ltxserve.engine.backends.diffusers.text import EncodedText, encode_text
from ltxserve.engine.geometry import SIDE_STEP, latent_frames
from ltxserve.engine.plan import Plan
from ltxserve.engine.preview import LinearPreview
from ltxserve.media.sound import Sound
from ltxserve.progress import NullObserver, Observer, Progress

SMALL_WINDOW = Window(length=8, shared=4)  # of low_vram: half the memory


@dataclass(frozen=True, eq=False)
class Inputs:
    """What a run begins with."""

    text: EncodedText
    conditions: Sequence[ConditionFrames]
    given: Given

    @property
    def count(self) -> int:
        """Pictures, videos and sounds that go through an encoder."""
        parts = (self.given.frames, self.given.sound)
        return len(self.conditions) + sum(part is not None for part in parts)


class DiffusersBackend:
    """A resident LTX-2 model on one device."""

    def __init__(
        self,
        spec: ModelSpec,
        parts: dict[str, Any],
        device: torch.device,
        find: Find | None = None,
    ) -> None:
        self.spec = spec
        self.device = device
        self.adapters = Rack(spec, parts, find)
        self.pipeline = TellingPipeline(**parts)
        self.pipeline.place = device
        self.residency = Residency(_modules(parts), device, device_bytes(device))
        self.residency.settle()
        self.prompts = PromptCache()
        # Kept after `close`: a model that is loaded while this object lives can share it.
        self._shared = parts.get("text_encoder")
        self.pipeline.set_progress_bar_config(disable=True)
        self._preview: LinearPreview | None = None

    def run(
        self,
        plan: Plan,
        seed: int,
        conditions: Sequence[ConditionFrames],
        observer: Observer,
        given: Given | None = None,
    ) -> DiffusersMade:
        """See Backend.run."""
        watched = Watched(observer)
        uses = self.adapters.take(plan.loras)
        with torch.inference_mode(), device_errors(watched):
            self.residency.begin(plan)
            watched(Progress("encode_prompt", 0, 1))
            reading = partial(self.residency.enter, "encode_prompt")
            text = encode_text(self.pipeline, plan, self.spec.name, self.prompts, reading)
            watched(Progress("encode_prompt", 1, 1))
            inputs = Inputs(text, conditions, given or Given())
            self.residency.enter("denoise")
            with self.adapters.wearing(uses, self.device):
                video, audio = self._denoised(plan, seed, inputs, watched)
        return DiffusersMade(
            self.pipeline,
            plan,
            Latents(video, audio if plan.generate_audio else None),
            text.warnings,
            partial(self.residency.enter, "decode"),
        )

    def _denoised(
        self,
        plan: Plan,
        seed: int,
        inputs: Inputs,
        observer: Observer,
    ) -> tuple[Tensor, Tensor]:
        count = inputs.count
        if count:
            observer(Progress("encode_conditions", 0, count))
        latents = encode_given(self.pipeline, plan, inputs.given, self.spec.mel)
        self.pipeline.latents_ready = beginning(plan, count, observer)
        try:
            with self.pipeline.giving(latents):
                return self._called(plan, seed, inputs, observer)
        finally:
            del self.pipeline.latents_ready
            self.pipeline.before = None

    def _called(
        self, plan: Plan, seed: int, inputs: Inputs, observer: Observer
    ) -> tuple[Tensor, Tensor]:
        return self.pipeline(
            **inputs.text.arguments(),
            conditions=[placed(condition) for condition in inputs.conditions] or None,
            height=plan.generate.height,
            width=plan.generate.width,
            num_frames=plan.generate.num_frames,
            frame_rate=plan.generate.fps,
            # The pipeline tells the model frame_rate / motion_speed; sound lasts as long as
            # the clip plays.
            motion_speed=plan.generate.fps / plan.condition_fps,
            num_inference_steps=plan.num_inference_steps,
            sigmas=list(plan.sigmas) if plan.sigmas else None,
            generator=torch.Generator("cpu").manual_seed(seed),
            callback_on_step_end=stepping(plan, observer),
            callback_on_step_end_tensor_inputs=["latents"],
            output_type="latent",
            return_dict=False,
            **guidance_arguments(plan),
        )

    def peak_memory(self) -> int:
        """See Backend.peak_memory."""
        return peak_memory(self.device)

    def preview(self, latents: Any) -> Frames:
        """See Backend.preview."""
        if self._preview is None:
            self._preview = fit_preview(self.pipeline.vae, self.device)
        return self._preview.picture(middle_frame(latents))

    def close(self) -> None:
        """See Backend.close."""
        self.residency.leave()
        self.adapters.clear()
        self.prompts.clear()
        del self.pipeline, self.residency
        free_memory(self.device)


@dataclass(frozen=True, eq=False)
class Latents:
    """Denoised and denormalised: video (1, c, f, h, w), sound (1, c, t, mel bins) or None."""

    video: Tensor
    audio: Tensor | None


class DiffusersMade:
    """Denoised latents of one run, decoded when asked for."""

    def __init__(
        self,
        pipeline: TellingPipeline,
        plan: Plan,
        latents: Latents,
        warnings: tuple[str, ...],
        ready: Callable[[], None] = lambda: None,
    ) -> None:
        self.warnings = warnings
        self.latents = latents
        self._pipeline = pipeline
        self._ready = ready
        self._window = SMALL_WINDOW if plan.low_vram else Window()

    def frames(self) -> Iterator[Frames]:
        """See Made.frames."""
        with device_errors(Watched(NullObserver(), "decode_video")):
            self._ready()
            yield from decode_chunks(self._pipeline.vae, self.latents.video, self._window)

    def sound(self) -> Sound | None:
        """See Made.sound."""
        if self.latents.audio is None:
            return None
        audio_vae, vocoder = self._pipeline.audio_vae, self._pipeline.vocoder
        with torch.inference_mode(), device_errors(Watched(NullObserver(), "decode_audio")):
            latents = self.latents.audio.to(audio_vae.dtype)
            mels = audio_vae.decode(latents, return_dict=False)[0]
            samples = vocoder(mels.to(vocoder.dtype))[0].float().cpu().numpy()
        return Sound(samples, vocoder.config.output_sampling_rate)


def _modules(parts: dict[str, Any]) -> dict[str, nn.Module]:
    return {name: part for name, part in parts.items() if isinstance(part, nn.Module)}


def beginning(plan: Plan, conditions: int, observer: Observer) -> Callable[[], None]:
    """Tells the observer that the conditions are encoded and denoising begins."""

    def tell() -> None:
        if conditions:
            observer(Progress("encode_conditions", conditions, conditions))
        observer(Progress("denoise", 0, plan.num_inference_steps))

    return tell


def stepping(plan: Plan, observer: Observer) -> Callable[..., dict[str, Any]]:
    """A pipeline callback that tells the observer of a step; what that raises stops the run."""
    shape = plan.generate
    grid = (latent_frames(shape.num_frames), shape.height // SIDE_STEP, shape.width // SIDE_STEP)
    own = grid[0] * grid[1] * grid[2]

    def tell(pipeline: Any, step: int, timestep: Any, values: dict[str, Any]) -> dict[str, Any]:
        del timestep
        begun, ended = (float(sigma) for sigma in pipeline.scheduler.sigmas[step : step + 2])
        clean = foreseen(pipeline.before, values["latents"], (begun, ended))
        pipeline.before = values["latents"]
        # Keyframe tokens are appended behind the clip's own.
        latents = clean[:, :own].unflatten(1, grid).permute(0, 4, 1, 2, 3)
        observer(Progress("denoise", step + 1, plan.num_inference_steps, latents=latents))
        return {}

    return tell
