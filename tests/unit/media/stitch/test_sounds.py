"""One clip's sound from any second on, at any speed, every sample at its place."""

from contextlib import closing
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from ltxserve.media.sound import Sound
from ltxserve.media.stitch.facts import look
from ltxserve.media.stitch.sounds import Hearing, Tap, filtered, hear
from tests.unit.media.stitch.material import click_times, clicks, clip, numbered, tone


def heard(path: Path, start: float = 0, speed: float = 1, **more: bool | int) -> Sound:
    rate = int(more.get("rate", 48000))
    hearing = Hearing(Fraction(start), Fraction(speed), bool(more.get("keep_pitch", True)), rate, 1)
    with closing(hear(look(path), hearing)) as pieces:
        return Sound(np.concatenate(list(pieces), axis=1), rate)


@pytest.mark.parametrize("start", [0, 0.25, 1, 3.5, 7])
@pytest.mark.parametrize("rate", [24000, 44100, 48000])
def test_from_any_second_on(tmp_path: Path, start: float, rate: int):
    path = clip(tmp_path / "a.mp4", numbered(240), clicks([0.5, 3.75, 8], 10, rate))
    sound = heard(path, start)
    wanted = [t - start for t in (0.5, 3.75, 8) if t > start]
    assert click_times(sound, 0.2) == pytest.approx(wanted, abs=1 / rate)
    assert sound.seconds == pytest.approx(10 - start, abs=1 / rate)


def test_silence_before_the_beginning(tmp_path: Path):
    path = clip(tmp_path / "a.mp4", numbered(48), clicks([0.5], 2))
    assert click_times(heard(path, -1)) == pytest.approx([1.5], abs=1 / 48000)


@pytest.mark.parametrize("speed", [0.1, 0.5, 0.8, 1.25, 2, 8])
def test_speed_without_pitch_is_exact(tmp_path: Path, speed: float):
    path = clip(tmp_path / "a.mp4", numbered(96), clicks([1.0, 3.0], 4))
    sound = heard(path, 0, speed, keep_pitch=False)
    assert click_times(sound, 0.05) == pytest.approx([1 / speed, 3 / speed], abs=2e-4 / speed)


@pytest.mark.parametrize("speed", [0.25, 0.5, 0.8, 1.25, 2, 4])
def test_speed_keeps_the_pitch_and_the_length(tmp_path: Path, speed: float):
    path = clip(tmp_path / "a.mp4", numbered(96), tone(4.0, 440))
    sound = heard(path, 0, speed)
    assert sound.seconds == pytest.approx(4 / speed, abs=0.1 / min(1, speed))
    inner = sound.samples[0][4800:-9600]
    spectrum = np.abs(np.fft.rfft(inner * np.hanning(len(inner))))
    assert np.argmax(spectrum) * 48000 / len(inner) == pytest.approx(440, abs=4)


@pytest.mark.parametrize("speed", [0.5, 0.8, 1.25, 2])
def test_speed_stays_with_the_picture(tmp_path: Path, speed: float):
    """Steps in loudness, which no time stretch can lose, are where they belong to within 30 ms."""
    level = np.repeat([0.05, 0.5, 0.05, 0.5], 48000)
    loud = Sound((tone(4.0).samples * 4 * level).astype(np.float32), 48000)
    sound = heard(clip(tmp_path / "a.mp4", numbered(96), loud), 0, speed)
    window = 480
    blocks = sound.samples[0][: sound.num_samples // window * window].reshape(-1, window)
    steps = np.flatnonzero(np.diff((np.sqrt((blocks**2).mean(1)) > 0.15).astype(int)))
    found = (steps + 1) * window / 48000
    assert found == pytest.approx([1 / speed, 2 / speed, 3 / speed], abs=0.03)


def test_a_tap_gives_what_is_asked_and_then_silence():
    pieces = iter([np.ones((1, 5), np.float32), np.ones((1, 2), np.float32)])
    tap = Tap(pieces, 1)
    assert tap.draw(3).sum() == 3
    assert tap.draw(6).tolist() == [[1, 1, 1, 1, 0, 0]]
    assert tap.draw(2).sum() == 0


def test_filters_stream():
    pieces = (np.full((1, 1000), 0.25, np.float32) for _ in range(10))
    made = np.concatenate(list(filtered(pieces, 48000, 1, [("volume", "2")])), axis=1)
    assert made.shape == (1, 10000)
    assert np.allclose(made, 0.5)
