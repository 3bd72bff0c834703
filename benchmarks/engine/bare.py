"""Models as a user of diffusers alone would run them; knows nothing of the engine."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import torch
from diffusers import LTX2ConditionPipeline
from diffusers.pipelines.ltx2 import LTX2LatentUpsamplePipeline
from diffusers.utils.export_utils import encode_video

from ltxserve.engine.geometry import SIDE_STEP
from ltxserve.engine.plan import Plan, Stage


class Bare:
    """diffusers' own pipeline and its own export, with the settings of a plan."""

    def __init__(self) -> None:
        folder = resources.files("ltxserve.catalog").joinpath("tiny")
        self.pipeline: Any = LTX2ConditionPipeline.from_pretrained(
            str(folder), torch_dtype=torch.float32
        )
        self.pipeline.set_progress_bar_config(disable=True)

    def write(self, plan: Plan, path: Path) -> None:
        """Generate a plan's clip and write it; an MP4 with sound."""
        video, sound = self.pipeline(
            output_type="np",
            return_dict=False,
            generator=torch.Generator("cpu").manual_seed(plan.seed or 0),
            **settings(plan),
        )
        rate = self.pipeline.vocoder.config.output_sampling_rate
        encode_video(video[0], round(plan.generate.fps), str(path), sound[0].float().cpu(), rate)


class Plain:
    """diffusers' own pipelines of LTX-2, its own decoding and export, over parts that are loaded.

    parts: by the pipeline's names. upsampler: for plans of two passes.
    """

    def __init__(self, parts: Mapping[str, Any], upsampler: Any = None) -> None:
        # diffusers hands the vocoder what its VAE computes in; this project keeps it in float32.
        vocoder = copy.deepcopy(parts["vocoder"]).to(parts["audio_vae"].dtype)
        self.pipeline: Any = LTX2ConditionPipeline(**{**parts, "vocoder": vocoder})
        self.pipeline.set_progress_bar_config(disable=True)
        self.upsampling: Any = None
        if upsampler is not None:
            self.upsampling = LTX2LatentUpsamplePipeline(parts["vae"], upsampler)

    def write(self, plan: Plan, path: Path) -> None:
        """Generate a plan's clip and write it; an MP4 with sound."""
        noise = torch.Generator("cpu").manual_seed(plan.seed or 0)
        begun: dict[str, Any] = {}
        video: Any = None
        sound: Any = None
        for number, stage in enumerate(plan.passes, 1):
            last = number == len(plan.passes)
            told = {**settings(plan, stage), **begun, "generator": noise}
            output = "np" if last else "latent"
            video, sound = self.pipeline(output_type=output, return_dict=False, **told)
            if not last:
                size = {"height": video.shape[3] * SIDE_STEP, "width": video.shape[4] * SIDE_STEP}
                larger = self.upsampling(
                    latents=video, output_type="latent", return_dict=False, **size
                )
                begun = {"latents": larger[0], "audio_latents": sound}
        rate = self.pipeline.vocoder.config.output_sampling_rate
        encode_video(video[0], round(plan.generate.fps), str(path), sound[0].float().cpu(), rate)


def settings(plan: Plan, stage: Stage | None = None) -> dict[str, Any]:
    """A plan's settings, or those of one of its passes, under the pipeline's names."""
    stage = stage or plan.passes[0]
    shape, video, audio = stage.shape, plan.guidance, plan.audio_guidance
    if stage.guidance is not None:
        video = audio = stage.guidance
    return {
        "prompt": plan.prompt,
        "negative_prompt": plan.negative_prompt,
        "width": shape.width,
        "height": shape.height,
        "num_frames": shape.num_frames,
        "frame_rate": shape.fps,
        "num_inference_steps": stage.steps,
        "sigmas": list(stage.sigmas) if stage.sigmas else None,
        "guidance_scale": video.guidance_scale,
        "stg_scale": video.stg_scale,
        "modality_scale": video.modality_scale,
        "guidance_rescale": video.rescale,
        "audio_guidance_scale": audio.guidance_scale,
        "audio_stg_scale": audio.stg_scale,
        "audio_modality_scale": audio.modality_scale,
        "audio_guidance_rescale": audio.rescale,
        "max_sequence_length": plan.max_sequence_length,
    }
