"""The built-in model as a user of diffusers alone would run it; knows nothing of the engine."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

import torch
from diffusers import LTX2ConditionPipeline
from diffusers.utils.export_utils import encode_video

from ltxserve.engine.plan import Plan


class Bare:
    """diffusers' own pipeline and its own export, with the settings of a plan."""

    def __init__(self) -> None:
        folder = resources.files("ltxserve.catalog").joinpath("tiny")
        self.pipeline = LTX2ConditionPipeline.from_pretrained(
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


def settings(plan: Plan) -> dict[str, Any]:
    """A plan's settings under the pipeline's names."""
    shape, video, audio = plan.generate, plan.guidance, plan.audio_guidance
    return {
        "prompt": plan.prompt,
        "negative_prompt": plan.negative_prompt,
        "width": shape.width,
        "height": shape.height,
        "num_frames": shape.num_frames,
        "frame_rate": shape.fps,
        "num_inference_steps": plan.num_inference_steps,
        "sigmas": list(plan.sigmas) if plan.sigmas else None,
        "guidance_scale": video.guidance_scale,
        "stg_scale": video.stg_scale,
        "modality_scale": video.modality_scale,
        "guidance_rescale": video.rescale,
        "audio_guidance_scale": audio.guidance_scale,
        "audio_stg_scale": audio.stg_scale,
        "audio_modality_scale": audio.modality_scale,
        "audio_guidance_rescale": audio.rescale,
        "max_sequence_length": 64,
    }
