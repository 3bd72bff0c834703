"""The pipeline is diffusers' own, and says when the conditions are through the VAE."""

import torch
from diffusers import LTX2ConditionPipeline

from tests.tiny import backend


def test_it_is_diffusers_own_pipeline():
    assert isinstance(backend().pipeline, LTX2ConditionPipeline)


def test_it_tells_once_the_latents_are_ready():
    pipeline, told = backend().pipeline, []
    pipeline.latents_ready = lambda: told.append("ready")
    try:
        with torch.inference_mode():
            made = pipeline.prepare_latents(
                num_channels_latents=4,
                height=64,
                width=64,
                num_frames=9,
                dtype=torch.float32,
                device=torch.device("cpu"),
            )
    finally:
        del pipeline.latents_ready
    assert told == ["ready"]
    assert made[0].shape == (1, 2 * 2 * 2, 4)


def test_nobody_need_listen():
    pipeline = backend().pipeline
    pipeline.latents_ready()
    assert "latents_ready" not in vars(pipeline)
