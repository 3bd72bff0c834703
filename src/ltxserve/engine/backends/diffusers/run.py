"""Executes plans on a loaded LTX-2 model, up to what is to be decoded; knows no file, no queue.

Two passes, where a plan has them: half the size, latents made twice as large, noised again and
refined, as Lightricks' two-stage pipelines do. Latents stay where they are throughout.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from diffusers.pipelines.ltx2 import LTX2LatentUpsamplePipeline
from torch import Tensor

from ltxserve.engine.backends.base import ConditionFrames, Frames, Given
from ltxserve.engine.backends.diffusers.adapters.worn import Use, worn_bytes
from ltxserve.engine.backends.diffusers.ancestral import SEED_OFFSET
from ltxserve.engine.backends.diffusers.conditions import placed
from ltxserve.engine.backends.diffusers.decoding import Decoding
from ltxserve.engine.backends.diffusers.dfr import Rendering, Scene, Tools
from ltxserve.engine.backends.diffusers.failures import Watched, device_errors
from ltxserve.engine.backends.diffusers.given import GivenLatents, encode_given
from ltxserve.engine.backends.diffusers.guidance import guidance_arguments
from ltxserve.engine.backends.diffusers.passes import Course, courses, shown_at
from ltxserve.engine.backends.diffusers.pipeline import TellingPipeline
from ltxserve.engine.backends.diffusers.previews import foreseen
from ltxserve.engine.backends.diffusers.references import (
    encode_references,
    told_downscale,
)
from ltxserve.engine.backends.diffusers.residency import Residency
from ltxserve.engine.backends.diffusers.resident import Resident
from ltxserve.engine.backends.diffusers.text import EncodedText
from ltxserve.engine.backends.diffusers.upsampling import Kind
from ltxserve.engine.plan import Plan
from ltxserve.engine.plan.nouns import PlannedDfr
from ltxserve.media.sound import Sound
from ltxserve.progress import NullObserver, Observer, Progress


@dataclass(frozen=True, eq=False)
class Latents:
    """Denoised and denormalised: video (1, c, f, h, w), sound (1, c, t, mel bins) or None."""

    video: Tensor
    audio: Tensor | None


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
        seen = len(self.conditions) + len(self.given.controls)
        return seen + sum(part is not None for part in parts)


@dataclass(frozen=True, eq=False)
class Work:
    """A run: what it begins with, the adapters of each of its passes, and its noise."""

    plan: Plan
    inputs: Inputs
    worn: tuple[tuple[Use, ...], ...]
    generator: torch.Generator


class DiffusersBackend(Resident):
    """A resident LTX-2 model on one device."""

    upsampler = LTX2LatentUpsamplePipeline
    pipeline: TellingPipeline

    def _piped(self, parts: dict[str, Any]) -> TellingPipeline:
        pipeline = TellingPipeline(**parts)
        # The built-in model was not taught so.
        pipeline.tells_own_times = bool(self.spec.layout)
        # It pads prompts there, and asks the tokenizer's file where it has padded them.
        pipeline.tokenizer_padding_side = "left"
        return pipeline

    def run(
        self,
        plan: Plan,
        seed: int,
        conditions: Sequence[ConditionFrames],
        observer: Observer,
        given: Given | None = None,
    ) -> DiffusersMade:
        """See Backend.run."""
        self.upsamplers.check(plan)
        watched = Watched(observer)
        worn = self.worn(plan)
        with torch.inference_mode(), device_errors(watched):
            self.residency.begin(plan, max(map(worn_bytes, worn)))
            text = self.read(plan, watched)
            inputs = Inputs(text, conditions, given or Given())
            work = Work(plan, inputs, worn, torch.Generator("cpu").manual_seed(seed))
            latents = self._denoised(work, watched)
        return DiffusersMade(
            self.pipeline,
            plan,
            latents if plan.generate_audio else Latents(latents.video, None),
            text.warnings,
            self.residency,
        )

    def _denoised(self, work: Work, observer: Observer) -> Latents:
        passes, count = courses(work.plan), work.inputs.count
        if count:
            observer(Progress("encode_conditions", 0, count))
        if work.plan.dfr is not None:
            return self._rendered(work, work.plan.dfr, observer)
        given = encode_given(self.pipeline, work.plan, work.inputs.given, self.spec.mel)
        led = encode_references(
            self.pipeline, work.inputs.given.controls, told_downscale(work.worn[0])
        )
        self.pipeline.latents_ready = beginning(passes[0], count, observer)
        try:
            first = dataclasses.replace(given, references=led)
            with self._noise_of_steps(work):
                ended = self._pass(work, passes[0], first, observer)
        finally:
            del self.pipeline.latents_ready
        for course in passes[1:]:
            begun = Latents(self._upsampled("upscale_spatial", ended.video, observer), ended.audio)
            with self.pipeline.refining():
                refined = self._pass(work, course, given, observer, begun)
            ended = self._with_sound(refined, begun)
        if any(stage.kind == "upscale_temporal" for stage in work.plan.stages):
            video = self._upsampled("upscale_temporal", ended.video, observer)
            ended = Latents(video, ended.audio)
        return ended

    def _rendered(self, work: Work, planned: PlannedDfr, observer: Observer) -> Latents:
        """The passes of diffusion fidelity rendering."""
        passes = courses(work.plan)
        tools = Tools(
            self.pipeline,
            lambda number: self.adapters.wearing(work.worn[number], self.device),
            lambda latents, told: self._upsampled(
                "upscale_spatial", latents, observer if told else NullObserver()
            ),
            self.upsamplers.modules.get("temporal_latent_upsampler"),
            stepping,
        )
        scene = Scene(planned, work.inputs.text, work.inputs.conditions, work.generator)
        begun = beginning(passes[0], work.inputs.count, observer)
        return Latents(*Rendering(tools, scene, observer).run(passes, begun))

    def _noise_of_steps(self, work: Work) -> AbstractContextManager[None]:
        """Fresh noise in every step of the first pass, for models that were made for it."""
        if not self.spec.sampling.stochastic:
            return nullcontext()
        seed = (work.generator.initial_seed() + SEED_OFFSET) % 2**63
        return self.pipeline.drawing(torch.Generator("cpu").manual_seed(seed))

    def _pass(
        self,
        work: Work,
        course: Course,
        given: GivenLatents,
        observer: Observer,
        begun: Latents | None = None,
    ) -> Latents:
        """One pass over the clip; begun: what it is noised from."""
        stage, shape = course.stage, course.stage.shape
        shown = shown_at(work.inputs.conditions, shape)
        held = dataclasses.replace(given, sigmas=stage.sigmas)
        worn = self.adapters.wearing(work.worn[course.number], self.device)
        with worn, self.pipeline.giving(held):
            video, audio = self.pipeline(
                **work.inputs.text.arguments(),
                conditions=[placed(condition) for condition in shown] or None,
                height=shape.height,
                width=shape.width,
                num_frames=shape.num_frames,
                frame_rate=shape.fps,
                # The pipeline tells the model frame_rate / motion_speed; sound lasts as long as
                # the clip plays.
                motion_speed=shape.fps / work.plan.condition_fps,
                num_inference_steps=stage.steps,
                sigmas=list(stage.sigmas) if stage.sigmas else None,
                generator=work.generator,
                latents=None if begun is None else begun.video,
                audio_latents=None if begun is None else begun.audio,
                callback_on_step_end=stepping(course, observer),
                callback_on_step_end_tensor_inputs=["latents"],
                output_type="latent",
                return_dict=False,
                **guidance_arguments(work.plan, stage.guidance),
            )
        return Latents(video, audio)

    def _upsampled(self, kind: Kind, latents: Tensor, observer: Observer) -> Tensor:
        return self.upsamplers.run(kind, self.pipeline.vae, latents, observer)

    def _with_sound(self, refined: Latents, before: Latents) -> Latents:
        second = self.spec.sampling.second_pass
        keeps = second is not None and second.keep_sound
        return Latents(refined.video, before.audio if keeps else refined.audio)


class DiffusersMade:
    """Denoised latents of one run, decoded when asked for."""

    def __init__(
        self,
        pipeline: TellingPipeline,
        plan: Plan,
        latents: Latents,
        warnings: tuple[str, ...],
        residency: Residency,
    ) -> None:
        self.warnings = warnings
        self.latents = latents
        self._pipeline = pipeline
        self._residency = residency
        self._decoding = Decoding(plan, pipeline.vae, residency)

    def frames(self) -> Iterator[Frames]:
        """See Made.frames."""
        return self._decoding.frames(self.latents.video)

    def spare(self) -> None:
        """See Made.spare."""
        self._decoding.spare()

    def sound(self) -> Sound | None:
        """See Made.sound."""
        if self.latents.audio is None:
            return None
        audio_vae, vocoder = self._pipeline.audio_vae, self._pipeline.vocoder
        with torch.inference_mode(), device_errors(Watched(NullObserver(), "decode_audio")):
            self._residency.enter("decode")  # where only the sound is new, nothing else has
            latents = self.latents.audio.to(audio_vae.dtype)
            mels = audio_vae.decode(latents, return_dict=False)[0]
            samples = vocoder(mels.to(vocoder.dtype))[0].float().cpu().numpy()
        return Sound(samples, vocoder.config.output_sampling_rate)


def beginning(course: Course, conditions: int, observer: Observer) -> Callable[[], None]:
    """Tells the observer that the conditions are encoded and denoising begins."""

    def tell() -> None:
        if conditions:
            observer(Progress("encode_conditions", conditions, conditions))
        course.tell(observer, 0)

    return tell


def stepping(course: Course, observer: Observer) -> Callable[..., dict[str, Any]]:
    """A pipeline callback that tells the observer of a step; what that raises stops the run."""

    def tell(pipeline: Any, step: int, timestep: Any, values: dict[str, Any]) -> dict[str, Any]:
        del timestep
        begun, ended = (float(sigma) for sigma in pipeline.scheduler.sigmas[step : step + 2])
        clean = getattr(pipeline.scheduler, "clean", None)  # fresh noise hides where steps go
        if clean is None:
            clean = foreseen(pipeline.before, values["latents"], (begun, ended))
        pipeline.before = values["latents"]
        # Keyframe tokens are appended behind the clip's own.
        course.tell(observer, step + 1, clean[:, : course.tokens])
        return {}

    return tell
