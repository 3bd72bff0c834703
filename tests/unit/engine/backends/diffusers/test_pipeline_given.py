"""What is held comes out of denoising as it went in, with and without guidance; the rest is new."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ltxserve.engine.backends.base import Given, GivenFrames, GivenSound
from ltxserve.engine.backends.diffusers.given import encode_given
from ltxserve.media.sound import Sound
from ltxserve.progress import NullObserver
from tests.tiny import SPEC, backend, disc, planned, saved
from tests.unit.media.samples import moving_clip

CLIP = moving_clip(25, 128, 128)
SOUND = Sound((0.2 * np.sin(np.arange(16667) / 7)).astype(np.float32)[None], 16000)
GUIDED = {"guidance_scale": 3.0, "stg_scale": 1.0, "modality_scale": 2.0, "guidance_rescale": 0.5}


def denoised(given: Given, **fields: Any) -> tuple[Tensor, Tensor]:
    """Video latents (1, c, 4, 4, 4) and sound latents (1, c, t, mel)."""
    made = backend().run(planned(num_frames=25, **fields), 5, (), NullObserver(), given)
    audio = made.latents.audio
    assert audio is not None
    return made.latents.video, audio


def encoded(given: Given) -> tuple[Tensor, Tensor]:
    """The same of what is given, straight from the encoders."""
    pipeline = backend().pipeline
    with torch.inference_mode():
        latents = encode_given(pipeline, planned(num_frames=25), given, SPEC.mel)
        assert latents.video is not None
        assert latents.audio is not None
        video = pipeline._unpack_latents(latents.video.tokens, 4, 4, 4, 1, 1)
        video = pipeline._denormalize_latents(
            video, pipeline.vae.latents_mean, pipeline.vae.latents_std
        )
        audio = pipeline._denormalize_audio_latents(
            latents.audio.tokens, pipeline.audio_vae.latents_mean, pipeline.audio_vae.latents_std
        )
        bins = pipeline.audio_mel_bins // pipeline.audio_vae_mel_compression_ratio
        return video, pipeline._unpack_audio_latents(audio, audio.shape[1], num_mel_bins=bins)


def given(*held: bool, sound: tuple[tuple[float, float], ...] = ()) -> Given:
    return Given(GivenFrames(CLIP, 0, held), GivenSound(SOUND, sound))


def away(one: Tensor, two: Tensor) -> float:
    return float((one - two).abs().max())


@pytest.mark.parametrize("guidance", [{}, GUIDED], ids=["plain", "guided"])
def test_held_latents_stay(guidance: dict[str, float]):
    asked = given(True, False, False, True, sound=((0.0, 0.5),))
    video, audio = denoised(asked, **guidance)
    source, sound = encoded(asked)
    assert away(video[:, :, [0, 3]], source[:, :, [0, 3]]) < 1e-3
    assert away(video[:, :, [1, 2]], source[:, :, [1, 2]]) > 0.1
    assert away(audio[:, :, :12], sound[:, :, :12]) < 1e-3
    assert away(audio[:, :, 14:], sound[:, :, 14:]) > 0.1


def test_sound_that_is_held_whole():
    asked = given(False, False, False, False, sound=((0.0, 9.0),))
    video, audio = denoised(asked)
    source, sound = encoded(asked)
    assert away(audio, sound) < 1e-3
    assert away(video, source) > 0.1


def test_denoising_begins_where_the_sigmas_do():
    asked = given(False, False, False, False)
    source, _ = encoded(asked)
    errors = []
    for strength in (0.05, 0.4, 1.0):
        way = {"source": "a.mp4", "strength": strength}
        video, _ = denoised(asked, video_to_video=way, num_inference_steps=8)
        errors.append(float((video - source).pow(2).mean()))
    assert errors == sorted(errors)
    assert errors[0] < 0.05 * errors[2]


def test_full_strength_forgets_the_source():
    other = Given(GivenFrames(255 - CLIP, 0, (False,) * 4), GivenSound(SOUND))
    one, _ = denoised(given(False, False, False, False))
    two, _ = denoised(other)
    assert away(one, two) == 0


def test_a_picture_goes_before_what_is_given(tmp_path: Any):
    from ltxserve.engine.backends.inputs import read_condition

    plan = planned(num_frames=25, conditions=[{"source": saved(disc(), tmp_path / "a.png")}])
    pictures = [read_condition(plan.conditions[0], plan.generate)]
    asked = given(True, False, False, True)
    made = backend().run(plan, 5, pictures, NullObserver(), asked).latents.video
    source, _ = encoded(asked)
    assert away(made[:, :, 0], source[:, :, 0]) > 0.1
    assert away(made[:, :, 3], source[:, :, 3]) < 1e-3


def test_nothing_is_left_behind():
    denoised(given(True, True, True, True, sound=((0.0, 9.0),)))
    pipeline = backend().pipeline
    assert "given" not in vars(pipeline)
    assert not pipeline.transformer._forward_pre_hooks


def test_the_noise_of_a_bent_curve():
    """A scheduler that bends its sigmas noises what is given to where it really starts."""
    pipeline = backend().pipeline
    plain = pipeline.scheduler
    asked = given(False, False, False, False)
    bent = type(plain).from_config({**plain.config, "use_dynamic_shifting": True})
    pipeline.scheduler = bent
    try:
        way = {"source": "a.mp4", "strength": 0.05}
        video, _ = denoised(asked, video_to_video=way)
    finally:
        pipeline.scheduler = plain
    source, _ = encoded(asked)
    assert float((video - source).pow(2).mean()) < 0.05 * float(source.pow(2).mean())
