"""Exact lengths, other rates without shifting events, WAV read back by the standard library."""

import os
import wave
from pathlib import Path

import numpy as np
import pytest

from ltxserve.errors import MediaError
from ltxserve.media.sound import Sound, frames_of, store_wav, write_wav
from tests.unit.media.samples import click, click_time


def test_shape_is_checked() -> None:
    for samples in (np.zeros(10, np.float32), np.zeros((3, 10), np.float32)):
        with pytest.raises(MediaError) as caught:
            Sound(samples, 48000)
        assert caught.value.code == "media_unsupported"


def test_sizes() -> None:
    sound = click(0.5, 2.0, rate=16000, channels=1)
    assert (sound.channels, sound.num_samples, sound.seconds) == (1, 32000, 2.0)


def test_fitted_cuts_and_pads() -> None:
    sound = click(0.5, 1.0)
    assert sound.fitted(30000).num_samples == 30000
    longer = sound.fitted(60000)
    assert longer.num_samples == 60000
    assert not longer.samples[:, 48000:].any()
    assert np.array_equal(longer.samples[:, :48000], sound.samples)


@pytest.mark.parametrize("rate", [16000, 44100, 48000])
def test_resampled_keeps_events_in_place(rate: int) -> None:
    moved = click(0.5, 1.0, rate=24000).resampled(rate)
    assert moved.sample_rate == rate
    assert moved.num_samples == rate
    assert abs(click_time(moved) - 0.5) <= 1 / 16000


def test_resampled_keeps_the_pitch() -> None:
    times = np.arange(24000) / 24000
    tone = np.sin(2 * np.pi * 1000 * times, dtype=np.float64)[None].astype(np.float32)
    spectrum = np.abs(np.fft.rfft(Sound(tone, 24000).resampled(48000).samples[0]))
    assert int(np.argmax(spectrum)) == 1000


def test_frames_cover_everything_and_are_clean() -> None:
    samples = np.array([[np.nan, 2.0, -3.0, 0.5] * 600], np.float32)
    frames = list(frames_of(Sound(samples, 16000)))
    joined = np.concatenate([frame.to_ndarray() for frame in frames], axis=1)
    assert joined.shape == samples.shape
    assert joined[0, :4].tolist() == [0.0, 1.0, -1.0, 0.5]
    assert frames[1].pts == 1024


def test_wav_holds_the_samples(tmp_path: Path) -> None:
    sound = click(0.25, 0.5, rate=24000)
    write_wav(sound, tmp_path / "a.wav")
    with wave.open(str(tmp_path / "a.wav")) as file:
        assert (file.getnchannels(), file.getframerate(), file.getsampwidth()) == (2, 24000, 2)
        stored = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
    assert np.abs(stored.T / 32767 - sound.samples).max() < 1e-4
    assert os.listdir(tmp_path) == ["a.wav"]


def test_wav_into_a_folder_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(MediaError) as caught:
        store_wav(click(0.1, 0.2), tmp_path / "none" / "a.wav")
    assert caught.value.code == "media_write_failed"
