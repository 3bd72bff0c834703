"""The guidance terms of a plan under diffusers' names; decides none of them."""

from __future__ import annotations

from typing import Any

from ltxserve.engine.plan import Guidance, Plan

NEXT_TO_NOTHING = 1e-12
"""Stands for a sound term of 0: the pipeline reads `audio_x or x`, so that 0 would become x."""


def guidance_arguments(plan: Plan, own: Guidance | None = None) -> dict[str, Any]:
    """Keyword arguments of the pipeline's call. own: of a pass, of picture and sound."""
    video, audio = own or plan.guidance, own or plan.audio_guidance
    blocks = sorted({*video.stg_blocks, *audio.stg_blocks})
    return {
        "guidance_scale": video.guidance_scale,
        "stg_scale": video.stg_scale,
        "modality_scale": video.modality_scale,
        "guidance_rescale": video.rescale,
        "audio_guidance_scale": audio.guidance_scale,
        "audio_stg_scale": _own(audio.stg_scale, video.stg_scale),
        "audio_modality_scale": audio.modality_scale,
        "audio_guidance_rescale": _own(audio.rescale, video.rescale),
        "spatio_temporal_guidance_blocks": blocks or None,
        "decode_timestep": plan.decode_timestep,
        "decode_noise_scale": plan.decode_noise_scale,
    }


def _own(sound: float, picture: float) -> float:
    return NEXT_TO_NOTHING if sound == 0 and picture != 0 else sound
