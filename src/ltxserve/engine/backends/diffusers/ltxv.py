"""Executes plans on a loaded LTX-Video model (0.9.x), in one pass or in two; knows no file.

Two passes: two thirds of the size, latents made twice as large, a few steps more, as Lightricks'
multi-scale pipeline does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from diffusers.pipelines.ltx import LTXLatentUpsamplePipeline
from diffusers.pipelines.ltx.pipeline_ltx_condition import linear_quadratic_schedule
from torch import Tensor

from ltxserve.engine.backends.base import ConditionFrames, Frames, Given
from ltxserve.engine.backends.diffusers.adapters.worn import Use, worn_bytes
from ltxserve.engine.backends.diffusers.begun import begun_latents, held_pictures
from ltxserve.engine.backends.diffusers.chance import Chance, drawn
from ltxserve.engine.backends.diffusers.decoding import Decoding
from ltxserve.engine.backends.diffusers.failures import Watched, device_errors
from ltxserve.engine.backends.diffusers.guided import Guide, guiding
from ltxserve.engine.backends.diffusers.ltxv_pipeline import LtxvPipeline
from ltxserve.engine.backends.diffusers.passes import Course, courses, shown_at
from ltxserve.engine.backends.diffusers.quiet import quiet
from ltxserve.engine.backends.diffusers.reading.layout import load_layout
from ltxserve.engine.backends.diffusers.references import encode_references, told_downscale
from ltxserve.engine.backends.diffusers.resident import Resident
from ltxserve.engine.backends.diffusers.text import EncodedText
from ltxserve.engine.backends.diffusers.upsampling import Finish
from ltxserve.engine.geometry import SIDE_STEP, latent_frames
from ltxserve.engine.plan import Plan, Stage
from ltxserve.media.sound import Sound
from ltxserve.progress import Observer, Progress

_ALMOST = 0.999
"""diffusers: the share of the schedule that is run; leaves out the first of the timesteps only."""


class LtxvBackend(Resident):
    """A resident LTX-Video model on one device."""

    upsampler = LTXLatentUpsamplePipeline
    pipeline: LtxvPipeline

    def _piped(self, parts: dict[str, Any]) -> LtxvPipeline:
        self.curve = parts["scheduler"]
        scheduler = FlowMatchEulerDiscreteScheduler(
            use_dynamic_shifting=False, stochastic_sampling=self.spec.sampling.stochastic
        )
        made = LtxvPipeline(**{**parts, "scheduler": scheduler})
        made.first_frame_alone = load_layout(self.spec.layout).first_frame_alone
        return made

    def run(
        self,
        plan: Plan,
        seed: int,
        conditions: Sequence[ConditionFrames],
        observer: Observer,
        given: Given | None = None,
    ) -> LtxvMade:
        """See Backend.run."""
        self.upsamplers.check(plan)
        held = held_pictures(given)
        watched = Watched(observer)
        worn = self.worn(plan)
        with torch.inference_mode(), device_errors(watched):
            self.residency.begin(plan, max(map(worn_bytes, worn)))
            text = self.read(plan, watched)
            generator = torch.Generator("cpu").manual_seed(seed)
            work = Work(plan, text, (*conditions, *held), generator, given or Given(), worn)
            latents = self._ready_to_decode(self._denoised(work, watched), work)
        decoding = Decoding(plan, self.pipeline.vae, self.residency)
        return LtxvMade(latents, text, decoding, Chance(drawn(generator), self.device))

    def _denoised(self, work: Work, observer: Observer) -> Tensor:
        passes = courses(work.plan)
        latents = self._begun(work, passes[0].stage)
        controls = work.given.controls
        count = len(work.conditions) + len(controls) + (latents is not None)
        if count:
            observer(Progress("encode_conditions", 0, count))
        led = encode_references(self.pipeline, controls, told_downscale(work.worn[0]))
        if count:
            observer(Progress("encode_conditions", count, count))
        passes[0].tell(observer, 0)
        for course, uses in zip(passes, work.worn, strict=True):
            if course.number and latents is not None:
                latents = self._larger(latents, observer)
            following = self.pipeline.following(() if course.number else led)
            with self.adapters.wearing(uses, self.device), following:
                latents = self._pass(work, course, latents, observer)
        if latents is None:
            raise AssertionError("a plan without denoising")  # pragma: no cover
        if any(stage.kind == "upscale_temporal" for stage in work.plan.stages):
            kind = "upscale_temporal"
            latents = self.upsamplers.run(kind, self.pipeline.vae, latents, observer)
        return latents

    def _begun(self, work: Work, first: Stage) -> Tensor | None:
        """The video to make over; None without one, or where its noise hides it wholly."""
        if first.sigmas is None or first.sigmas[0] >= 1:
            return None
        size = first.shape.width, first.shape.height
        return begun_latents(self.pipeline.vae, work.given, size)

    def _pass(self, work: Work, course: Course, begun: Tensor | None, observer: Observer) -> Tensor:
        """Latents (1, c, f, h, w), normalised, of one pass; begun: what it starts from."""
        stage, shape = course.stage, course.stage.shape
        acting = [c for c in work.conditions if c.strength > 0]
        shown = shown_at(acting, shape)
        held = bool(shown or self.pipeline.references)
        guide = self._guide(work, stage)
        # quiet: diffusers remarks that timesteps are taken as given, which is what is wanted.
        # The scheduler draws so where a model wants noise at every step.
        chance = Chance(drawn(work.generator), self.device)
        with quiet(), chance.drawing(), guiding(self.pipeline.transformer, guide):
            made = self.pipeline(
                # None, and not nothing, tells the pipeline that no token is held.
                video=[as_shares(c.frames) for c in shown] if held else None,
                image=[None] * len(shown) if held else None,
                frame_index=[c.frame for c in shown],
                strength=[c.strength for c in shown],
                prompt_embeds=work.text.prompt[0],
                prompt_attention_mask=work.text.prompt[1],
                height=shape.height,
                width=shape.width,
                num_frames=shape.num_frames,
                frame_rate=work.plan.condition_fps,
                timesteps=self._timesteps(stage, begun is not None),
                denoise_strength=1.0 if begun is None else _ALMOST,
                latents=begun,
                guidance_scale=1.0,  # guided around the transformer
                image_cond_noise_scale=self.spec.sampling.image_noise_scale,
                generator=work.generator,
                callback_on_step_end=stepping(course, observer),
                callback_on_step_end_tensor_inputs=["latents"],
                output_type="latent",
                return_dict=False,
            )
        return made[0]

    def _guide(self, work: Work, stage: Stage) -> Guide:
        steps = stage.guidances or (stage.guidance or work.plan.guidance,)
        negative = work.text.both(work.text.negative)
        return Guide(steps, negative, self.spec.sampling.cfg_star_rescale)

    def _timesteps(self, stage: Stage, continued: bool) -> list[float]:
        if stage.sigmas:
            sigmas = list(stage.sigmas)
        elif self.curve.config.use_dynamic_shifting:
            sigmas = shifted(self.curve, stage)
        else:  # the pipeline's own, which would be of 50 steps
            sigmas = linear_quadratic_schedule(stage.steps).tolist()
        return [1000.0] * continued + [sigma * 1000 for sigma in sigmas]

    def _larger(self, latents: Tensor, observer: Observer) -> Tensor:
        second = self.spec.sampling.second_pass
        finish = Finish(adain=1.0, tone_map=0.0 if second is None else second.tone_map)
        return self.upsamplers.run("upscale_spatial", self.pipeline.vae, latents, observer, finish)

    def _ready_to_decode(self, latents: Tensor, work: Work) -> Tensor:
        vae = self.pipeline.vae
        mean, std = (
            b.view(1, -1, 1, 1, 1).to(latents) for b in (vae.latents_mean, vae.latents_std)
        )
        latents = latents * std / vae.config.scaling_factor + mean
        if not vae.config.timestep_conditioning:
            return latents
        noise = torch.randn(latents.shape, generator=work.generator).to(latents)
        share = work.plan.decode_noise_scale
        return (1 - share) * latents + share * noise


@dataclass(frozen=True, eq=False)
class Work:
    """What a run begins with. worn: the adapters of every pass."""

    plan: Plan
    text: EncodedText
    conditions: Sequence[ConditionFrames]
    generator: torch.Generator
    given: Given
    worn: Sequence[tuple[Use, ...]]


class LtxvMade:
    """Denoised latents of one run, decoded when asked for; there is no sound."""

    def __init__(
        self, latents: Tensor, text: EncodedText, decoding: Decoding, chance: Chance
    ) -> None:
        self.warnings = text.warnings
        self.latents = latents
        self._decoding = decoding
        self._chance = chance

    def frames(self) -> Iterator[Frames]:
        """See Made.frames."""
        return self._chance.following(self._decoding.frames(self.latents))

    def spare(self) -> None:
        """See Made.spare."""
        self._decoding.spare()

    def sound(self) -> Sound | None:
        """See Made.sound."""
        return None


def stepping(course: Course, observer: Observer) -> Callable[..., dict[str, Any]]:
    """A pipeline callback that tells the observer of a step; what that raises stops the run."""

    def tell(pipeline: Any, step: int, timestep: Any, values: dict[str, Any]) -> dict[str, Any]:
        del pipeline, timestep
        # Tokens of keyframes come before the clip's own.
        course.tell(observer, step + 1, values["latents"][:, -course.tokens :])
        return {}

    return tell


def as_shares(frames: Frames) -> Any:
    """Pictures as the pipeline takes them: (1, n, height, width, 3), 0 to 1."""
    return (frames.astype(np.float32) / 255)[None]


def shifted(curve: FlowMatchEulerDiscreteScheduler, stage: Stage) -> list[float]:
    """Evenly spaced sigmas, moved up the more the larger the clip is (0.9.0 and 0.9.1)."""
    shape, config = stage.shape, curve.config
    tokens = latent_frames(shape.num_frames) * (shape.height // SIDE_STEP)
    tokens *= shape.width // SIDE_STEP
    slope = (config.max_shift - config.base_shift) / (
        config.max_image_seq_len - config.base_image_seq_len
    )
    mu = config.base_shift + slope * (tokens - config.base_image_seq_len)
    even = np.linspace(1.0, 1 / stage.steps, stage.steps)
    curve.set_timesteps(sigmas=even.tolist(), mu=mu)
    return [float(sigma) for sigma in curve.sigmas[:-1]]
