"""The pipeline is diffusers' own, and says when the conditions are through the VAE."""

import pytest
import torch
from diffusers import LTX2ConditionPipeline

from ltxserve.engine.backends.diffusers.pipeline import first_frame_marked
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


def test_refining_walks_sigmas_as_they_are_told():
    pipeline = backend().pipeline
    own = pipeline.scheduler
    bent = {"use_dynamic_shifting": True, "shift_terminal": 0.1, "stochastic_sampling": True}
    pipeline.scheduler = type(own).from_config(own.config, **bent)
    told = [0.909375, 0.725, 0.421875]
    try:
        with pipeline.refining():
            pipeline.scheduler.set_timesteps(sigmas=told, mu=1.0)
            assert pipeline.scheduler.sigmas.tolist() == pytest.approx([*told, 0.0])
            assert not pipeline.scheduler.config.stochastic_sampling
        pipeline.scheduler.set_timesteps(sigmas=told, mu=1.0)
        assert pipeline.scheduler.sigmas.tolist() != pytest.approx([*told, 0.0])
    finally:
        pipeline.scheduler = own


def test_a_token_that_is_partly_held_is_cleaned_by_its_own_noise_level():
    """Noise level 0.5 of a token that is held by half, where the step's is 1: all of it goes."""
    pipeline = backend().pipeline
    pipeline.scheduler.set_timesteps(sigmas=[1.0, 0.5], mu=1.0)
    clean, noise = torch.full((1, 2, 4), 3.0), torch.full((1, 2, 4), -1.0)
    level = torch.tensor([0.5, 1.0]).view(1, 2, 1)
    sample = clean * (1 - level) + noise * level
    pipeline.held = 1 - level
    try:
        found = pipeline.convert_velocity_to_x0(sample, noise - clean, 0)
    finally:
        pipeline.held = None
    assert torch.allclose(found, clean)


def test_picture_and_sound_draw_from_one_source_and_held_tokens_stay():
    pipeline = backend().pipeline
    own = pipeline.scheduler
    with pipeline.drawing(torch.Generator().manual_seed(1)):
        picture, sound = pipeline.scheduler, pipeline.audio_scheduler
        assert picture is not sound
        assert picture.noise is sound.noise
        pipeline.held = torch.tensor([1.0, 0.0]).view(1, 2, 1)
        pipeline.clean = torch.full((1, 2, 4), 7.0)
        settled = picture.settle(torch.ones(1, 2, 4))
    pipeline.held = pipeline.clean = None
    assert settled[0, :, 0].tolist() == [7.0, 1.0]
    assert pipeline.scheduler is own
    assert pipeline.audio_scheduler is None


def test_the_tokens_of_the_first_frame_are_marked():
    asked = {"hidden_states": torch.zeros(2, 15, 8), "height": 2, "width": 3}
    _, told = first_frame_marked(None, (), asked)
    assert told["video_keyframes_mask"][:, :, 0].tolist() == [[1.0] * 6 + [0.0] * 9] * 2
    assert asked.keys() == told.keys() - {"video_keyframes_mask"}


def test_nobody_need_listen():
    pipeline = backend().pipeline
    pipeline.latents_ready()
    assert "latents_ready" not in vars(pipeline)
