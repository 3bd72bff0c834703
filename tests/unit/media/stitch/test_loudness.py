"""Loudness by EBU R 128, against figures that the standard itself gives."""

from collections.abc import Iterator

import numpy as np
import pytest

from ltxserve.media.stitch.loudness import PEAK, Levelling, Loudness, levelling, measure


def sine(decibel: float, seconds: float = 5.0, hertz: float = 997) -> np.ndarray:
    time = np.arange(round(seconds * 48000)) / 48000
    return (10 ** (decibel / 20) * np.sin(2 * np.pi * hertz * time)).astype(np.float32)


def pieces(samples: np.ndarray) -> Iterator[np.ndarray]:
    for first in range(0, samples.shape[1], 4096):
        yield samples[:, first : first + 4096]


@pytest.mark.parametrize("level", [-23, -33])
def test_the_standards_own_signal(level: float):
    """EBU Tech 3341, cases 1 and 2: a stereo sine of that many dBFS has that many LUFS."""
    found = measure(pieces(np.stack([sine(level)] * 2)), 48000, 2)
    assert found.integrated == pytest.approx(level, abs=0.1)
    assert found.peak == pytest.approx(10 ** (level / 20), rel=0.02)


def test_silence_and_moments_have_none():
    assert measure(pieces(np.zeros((1, 48000), np.float32)), 48000, 1).integrated is None
    assert measure(pieces(sine(-10, 0.2)[None]), 48000, 1).integrated is None


def test_one_gain_for_all():
    level = levelling(Loudness(-30.0, 0.1), -20.0)
    assert (level.gain, level.limit) == (pytest.approx(10**0.5), False)
    assert levelling(Loudness(None, 0.0), -20.0) == Levelling(1.0, False)
    assert levelling(Loudness(-30.0, 0.9), -20.0).limit


def test_peaks_are_held_down_in_time():
    """One loud click in soft noise: it is limited, stays where it was, and the rest is louder."""
    samples = sine(-40)[None].copy()
    samples[0, 100_000] = 0.9
    level = levelling(measure(pieces(samples), 48000, 1), -20.0)
    assert level.limit
    made = np.concatenate(list(level.apply(pieces(samples), 48000, 1)), axis=1)
    assert made.shape == samples.shape
    assert np.argmax(np.abs(made[0])) == 100_000
    assert np.abs(made).max() <= PEAK + 1e-3
    assert np.abs(made[0, :48000]).max() == pytest.approx(0.01 * level.gain, rel=0.05)
