"""Fitting the audio VAE and the vocoder: the spectral distance, and one step of each."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ltxserve.training.tiny.fit_sound import (
    CROP,
    AudioVaeJob,
    VocoderJob,
    random_sound,
    spectral_distance,
)
from ltxserve.training.tiny.mel import SAMPLE_RATE


def tone(hertz: float, loudness: float = 0.4, phase: float = 0.0) -> torch.Tensor:
    times = torch.arange(CROP) / SAMPLE_RATE
    return (loudness * torch.sin(math.tau * hertz * times + phase)).expand(1, 2, -1)


def test_equal_sounds_have_no_distance() -> None:
    assert spectral_distance(tone(440), tone(440)).item() == 0


def test_another_pitch_is_far_another_phase_is_near() -> None:
    shifted = spectral_distance(tone(440, phase=1.5), tone(440)).item()
    other = spectral_distance(tone(523), tone(440)).item()
    assert shifted < 0.25 * other


def test_distance_grows_with_the_difference_in_loudness() -> None:
    found = [spectral_distance(tone(440, loud), tone(440)).item() for loud in (0.4, 0.3, 0.1, 0.0)]
    assert found == sorted(found)


def test_faint_overtones_count_more_than_their_amplitude() -> None:
    tainted = tone(440) + tone(3000, 0.004)
    change = (tainted - tone(440)).abs().mean() / tone(440).abs().mean()
    assert spectral_distance(tainted, tone(440)) > 3 * change


def test_a_wrong_channel_counts() -> None:
    left = tone(440) * torch.tensor([1.0, 0.0])[None, :, None]
    assert spectral_distance(left, left.flip(1)) > 0.5


def test_silence_against_silence_has_a_gradient() -> None:
    made = torch.zeros(1, 2, CROP, requires_grad=True)
    spectral_distance(made, torch.zeros(1, 2, CROP)).backward()
    assert made.grad is not None
    assert torch.isfinite(made.grad).all()


def test_random_sounds_are_seeded_stretches() -> None:
    assert random_sound(3).shape == (2, CROP)
    assert torch.equal(random_sound(3), random_sound(3))
    assert not torch.equal(random_sound(3), random_sound(4))
    assert random_sound(3, 32000).shape == (2, 32000)


@pytest.mark.parametrize("kind", [AudioVaeJob, VocoderJob])
def test_steps_make_it_better(kind: type[AudioVaeJob | VocoderJob], tmp_path: Path) -> None:
    job = kind(steps=10)
    job.batch = 4
    losses = [next(iter(job.step(0, 1.0).values())) for _ in range(4)]
    assert np.isfinite(losses).all()
    assert losses[-1] < losses[0]
    assert all(torch.isfinite(value).all() for value in job.model.state_dict().values())
    job.sample(tmp_path, 4)
    assert np.array(Image.open(tmp_path / "samples" / f"{job.name}-000004.png")).std() > 0


@pytest.mark.parametrize("kind", [AudioVaeJob, VocoderJob])
def test_a_state_goes_on_where_it_was_taken(kind: type[AudioVaeJob | VocoderJob]) -> None:
    job, other = kind(steps=10), kind(steps=10)
    job.batch = other.batch = 2
    job.step(0, 1.0)
    other.restore(job.state())
    assert job.step(1, 1.0) == other.step(1, 1.0)
