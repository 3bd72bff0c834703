"""Sample sheets while the transformer is fitted: a few prompts through the real pipeline.

It knows the prompts and the sheet, not the fitting.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from diffusers import LTX2ConditionPipeline
from torch import Tensor

from ltxserve.training.tiny.draw import Canvas
from ltxserve.training.tiny.latents import Encoders
from ltxserve.training.tiny.model import (
    MAX_TOKENS,
    build_scheduler,
    build_tokenizer,
    build_vocoder,
)
from ltxserve.training.tiny.net import Net
from ltxserve.training.tiny.sheet import save_sheet

PROMPTS = (
    "a red ball rolls right on grass",
    "a yellow star falls over water",
    "a large purple triangle moves left on snow",
    "a blue square grows on sand, the camera pans right",
)
STEPS = 8
SHOWN = 4  # frames of each clip on the sheet


def sheet_sampler(encoders: Encoders, canvas: Canvas) -> Callable[[Net, Path], None]:
    """A function that writes a sheet: a row of frames for each prompt."""

    @torch.inference_mode()
    def sample(net: Net, path: Path) -> None:
        pipeline = pipeline_of(encoders, net)
        rows = [_row(_clip(pipeline, prompt, canvas, seed)) for seed, prompt in enumerate(PROMPTS)]
        save_sheet(torch.cat(rows, dim=1), path)

    return sample


def pipeline_of(encoders: Encoders, net: Net) -> LTX2ConditionPipeline:
    """The pipeline that users run, on weights that are still being fitted."""
    pipeline = LTX2ConditionPipeline(
        scheduler=build_scheduler(),
        vae=encoders.video,
        audio_vae=encoders.audio,
        text_encoder=net.text_encoder,
        tokenizer=build_tokenizer(),
        connectors=net.connectors,
        transformer=net.transformer,
        vocoder=build_vocoder(),
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def _clip(pipeline: LTX2ConditionPipeline, prompt: str, canvas: Canvas, seed: int) -> Tensor:
    latents, _ = pipeline(
        prompt=prompt,
        width=canvas.width,
        height=canvas.height,
        num_frames=canvas.num_frames,
        frame_rate=canvas.fps,
        num_inference_steps=STEPS,
        guidance_scale=1.0,
        stg_scale=0.0,
        modality_scale=1.0,
        # Its own scales follow LTX-2's defaults otherwise, and unguided is how the model is used.
        audio_guidance_scale=1.0,
        audio_stg_scale=0.0,
        audio_modality_scale=1.0,
        generator=torch.Generator().manual_seed(seed),
        max_sequence_length=MAX_TOKENS,
        output_type="latent",
        return_dict=False,
    )
    return pipeline.vae.decode(latents, return_dict=False)[0][0].transpose(0, 1)


def _row(frames: Tensor) -> Tensor:
    picks = torch.linspace(0, len(frames) - 1, min(SHOWN, len(frames))).round().long()
    return torch.cat(list(frames[picks]), dim=2)
