"""Log-mels: their shape, and that they rise with loudness from a fixed floor."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch

from ltxserve.training.tiny.mel import (
    BINS,
    FLOOR,
    HOP,
    SAMPLE_RATE,
    SCALE,
    SHIFT,
    WINDOW,
    filters,
    log_mel,
    mel_frames,
)

SILENCE = (math.log(FLOOR) + SHIFT) / SCALE


def tone(hertz: float, loudness: float = 0.5, samples: int = SAMPLE_RATE) -> torch.Tensor:
    wave = loudness * torch.sin(math.tau * hertz * torch.arange(samples) / SAMPLE_RATE)
    return wave.repeat(2, 1)


@pytest.mark.parametrize("samples", [1, 159, 160, 800, 8000, 16000, 32667, 33333])
def test_frames_are_four_n_and_one(samples: int) -> None:
    mel = log_mel(torch.zeros(2, samples))
    assert mel.shape == (2, mel_frames(samples), BINS)
    assert mel.shape[1] % 4 == 1
    assert 0 <= samples // HOP - mel.shape[1] <= 3 or samples < HOP


def test_silence_is_the_floor() -> None:
    assert torch.allclose(log_mel(torch.zeros(2, 8000)), torch.tensor(SILENCE))


def test_louder_is_higher_in_every_bin_that_is_heard() -> None:
    levels = [log_mel(tone(440, loudness)) for loudness in (0.01, 0.1, 0.5, 1.0)]
    for quiet, loud in pairwise(levels):
        heard = quiet > SILENCE + 1e-3
        assert heard.any()
        assert (loud[heard] > quiet[heard]).all()
        assert (loud >= quiet).all()


def test_ten_times_the_amplitude_is_its_logarithm_up() -> None:
    quiet, loud = log_mel(tone(1000, 0.1)).amax(), log_mel(tone(1000, 1.0)).amax()
    assert (loud - quiet).item() == pytest.approx(math.log(10) / SCALE, abs=0.01)


def test_higher_tones_are_in_higher_bins() -> None:
    bins = [log_mel(tone(hertz)).mean((0, 1)).argmax().item() for hertz in (262, 523, 1047, 4000)]
    assert bins == sorted(set(bins))


def test_values_are_about_one() -> None:
    assert log_mel(tone(523, 1.0)).amax() < 1.3
    assert log_mel(tone(523, 1.0)).amin() >= SILENCE > -1.31


def test_channels_are_apart() -> None:
    sound = tone(440)
    sound[1] = 0
    left, right = log_mel(sound)
    assert left.amax() > 0
    assert torch.allclose(right, torch.tensor(SILENCE))


def test_filters_cover_every_frequency_and_none_is_empty() -> None:
    bank = filters()
    assert bank.shape == (BINS, WINDOW // 2 + 1)
    assert bank.min() >= 0
    assert bank.max() <= 1
    assert (bank.sum(1) > 0).all()
    assert (bank.sum(0)[1:-1] > 0).all()
