"""Executes plans on a loaded LTX-2 model: prompt, conditions, denoising; hands on what is to be decoded.

It knows no file, no job and no queue.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from diffusers import LTX2ConditionPipeline
from torch import Tensor

from ltxserve.catalog import ModelSpec
from ltxserve.engine.backends.base import Frames
from ltxserve.engine.backends.diffusers.conditions import read_conditions
from ltxserve.engine.backends.diffusers.decode import Window, decode_chunks
from ltxserve.engine.backends.diffusers.device import memory_errors, peak_memory
from ltxserve.engine.backends.diffusers.words import known_only, unknown_warning
from ltxserve.engine.plan import Plan
from ltxserve.media.sound import Sound
from ltxserve.progress import Observer, Progress


class DiffusersBackend:
    """A resident LTX-2 model on one device."""

    def __init__(self, spec: ModelSpec, parts: dict[str, Any], device: torch.device) -> None:
        self.spec = spec
        self.device = device
        self.pipeline = LTX2ConditionPipeline(**parts)
        self.pipeline.to(device)
        self.pipeline.set_progress_bar_config(disable=True)

    def run(self, plan: Plan, seed: int, observer: Observer) -> DiffusersMade:
        """See Backend.run."""
        conditions = read_conditions(plan)
        prompt, warnings = self._prompt(plan)
        observer(Progress("encode_prompt", 0, 1))
        with torch.inference_mode(), memory_errors():
            video, audio = self.pipeline(
                prompt=prompt,
                negative_prompt=plan.negative_prompt or None,
                conditions=conditions or None,
                height=plan.generate.height,
                width=plan.generate.width,
                num_frames=plan.generate.num_frames,
                frame_rate=plan.condition_fps,
                num_inference_steps=plan.num_inference_steps,
                sigmas=list(plan.sigmas) if plan.sigmas else None,
                generator=torch.Generator("cpu").manual_seed(seed),
                callback_on_step_end=watcher(plan, observer),
                callback_on_step_end_tensor_inputs=["latents"],
                max_sequence_length=plan.max_sequence_length,
                output_type="latent",
                return_dict=False,
                **guidance_arguments(plan),
            )
        return DiffusersMade(self, plan, video, audio if plan.generate_audio else None, warnings)

    def _prompt(self, plan: Plan) -> tuple[str, tuple[str, ...]]:
        tokenizer = self.pipeline.tokenizer
        word_level = (
            len(tokenizer) < 10_000
        )  # a word-level vocabulary; subword ones know every text
        prompt, unknown = known_only(plan.prompt, tokenizer, word_level)
        warnings = [unknown_warning(unknown, self.spec.name)] if unknown else []
        tokens = len(tokenizer(prompt).input_ids)
        if tokens > plan.max_sequence_length:
            warnings.append(
                f"The prompt has {tokens} tokens; {self.spec.name} reads the first {plan.max_sequence_length}."
            )
        return prompt, tuple(warnings)

    def peak_memory(self) -> int:
        """See Backend.peak_memory."""
        return peak_memory(self.device)


class DiffusersMade:
    """Denoised latents of one run, decoded when asked for."""

    def __init__(
        self,
        backend: DiffusersBackend,
        plan: Plan,
        video: Tensor,
        audio: Tensor | None,
        warnings: tuple[str, ...],
    ) -> None:
        self._pipeline = backend.pipeline
        self._plan = plan
        self._video = video
        self._audio = audio
        self.warnings = warnings

    def frames(self) -> Iterator[Frames]:
        """See Made.frames."""
        with memory_errors():
            yield from decode_chunks(self._pipeline.vae, self._video, Window())

    def sound(self) -> Sound | None:
        """See Made.sound."""
        if self._audio is None:
            return None
        with torch.inference_mode(), memory_errors():
            audio_vae, vocoder = self._pipeline.audio_vae, self._pipeline.vocoder
            mels = audio_vae.decode(self._audio.to(audio_vae.dtype), return_dict=False)[0]
            samples = vocoder(mels)[0].float().cpu().numpy()
        return Sound(samples, vocoder.config.output_sampling_rate)


def guidance_arguments(plan: Plan) -> dict[str, Any]:
    """The guidance terms of a plan under the pipeline's names."""
    video, audio = plan.guidance, plan.audio_guidance
    blocks = sorted({*video.stg_blocks, *audio.stg_blocks})
    return {
        "guidance_scale": video.guidance_scale,
        "stg_scale": video.stg_scale,
        "modality_scale": video.modality_scale,
        "guidance_rescale": video.rescale,
        "audio_guidance_scale": audio.guidance_scale,
        "audio_stg_scale": audio.stg_scale,
        "audio_modality_scale": audio.modality_scale,
        "audio_guidance_rescale": audio.rescale,
        "spatio_temporal_guidance_blocks": blocks or None,
        "decode_timestep": plan.decode_timestep,
        "decode_noise_scale": plan.decode_noise_scale,
    }


def watcher(plan: Plan, observer: Observer) -> Callable[..., dict[str, Any]]:
    """A pipeline callback that tells the observer of every step; what the observer raises stops the run."""
    shape = plan.generate
    frames = (shape.num_frames - 1) // 8 + 1
    height, width = shape.height // 32, shape.width // 32

    def after_step(
        pipeline: Any, step: int, timestep: Any, values: dict[str, Any]
    ) -> dict[str, Any]:
        del pipeline, timestep
        # Keyframe tokens are appended behind the clip's own.
        tokens = values["latents"][:, : frames * height * width]
        latents = tokens.unflatten(1, (frames, height, width)).permute(0, 4, 1, 2, 3)
        observer(Progress("denoise", step + 1, plan.num_inference_steps, latents=latents))
        return {}

    return after_step
