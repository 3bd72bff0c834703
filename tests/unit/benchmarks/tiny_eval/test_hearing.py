"""Tones and clicks of signals made here, and of the world's own sounds."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.tiny_eval.cases import scenes
from benchmarks.tiny_eval.hearing import Sound, listen
from benchmarks.tiny_eval.palette import Floats
from ltxserve.training.tiny.draw import Canvas
from ltxserve.training.tiny.sound import SAMPLE_RATE, impacts, sound_of
from ltxserve.training.tiny.words import world

SECONDS = 49 / 24


def pitch(color: str) -> float:
    return world().colors[color].pitch


def tone(hertz: float, rate: int = 16000, loud: float = 0.2, overtone: float = 0.25) -> Floats:
    times = np.arange(round(SECONDS * rate)) / rate
    wave = np.sin(2 * np.pi * hertz * times) + overtone * np.sin(4 * np.pi * hertz * times)
    return (loud * wave).astype(np.float32)


def with_clicks(mono: Floats, moments: tuple[float, ...], rate: int = 16000) -> Floats:
    chance = np.random.default_rng(3)
    sounding = mono.copy()
    for moment in moments:
        start, count = round(moment * rate), round(0.03 * rate)
        burst = chance.uniform(-1, 1, count) * np.exp(-np.linspace(0, 6, count))
        sounding[start : start + count] += 0.5 * burst
    return sounding


def stereo(mono: Floats, left: float = 1.0, right: float = 1.0) -> Floats:
    return np.stack([left * mono, right * mono]).astype(np.float32)


@pytest.mark.parametrize("rate", [16000, 24000, 48000])
@pytest.mark.parametrize("color", list(world().colors))
def test_a_tone_is_its_colour(color: str, rate: int) -> None:
    heard = listen(Sound(stereo(tone(pitch(color), rate)), rate))
    assert heard.colors == (color,)
    assert heard.clicks == ()
    assert not heard.silent


@pytest.mark.parametrize("off", [0.98, 1.02])
def test_a_slightly_wrong_pitch_still_counts(off: float) -> None:
    assert listen(Sound(stereo(tone(pitch("blue") * off)), 16000)).colors == ("blue",)


def test_two_tones_are_both_heard_the_louder_first() -> None:
    mono = tone(pitch("red"), loud=0.1) + tone(pitch("pink"), loud=0.2)
    assert listen(Sound(stereo(mono), 16000)).colors == ("pink", "red")


def test_clicks_are_timed() -> None:
    heard = listen(Sound(stereo(with_clicks(tone(pitch("green")), (0.4, 1.08, 1.76))), 16000))
    assert np.allclose(heard.clicks, (0.4, 1.08, 1.76), atol=0.02)
    assert heard.colors == ("green",)


def test_silence_and_faint_noise_are_silent() -> None:
    faint = np.random.default_rng(0).normal(0, 0.005, (2, 32000)).astype(np.float32)
    assert listen(Sound(np.zeros((2, 32000), np.float32), 16000)).silent
    assert listen(Sound(faint, 16000)).silent
    assert listen(Sound(np.zeros((1, 0), np.float32), 16000)).silent


def test_loud_noise_is_no_tone() -> None:
    loud = np.random.default_rng(0).normal(0, 0.2, (2, 32000)).astype(np.float32)
    heard = listen(Sound(loud, 16000))
    assert not heard.silent
    assert heard.colors == ()
    assert heard.clicks == ()


def test_balance_follows_the_louder_side() -> None:
    assert listen(Sound(stereo(tone(400), 1.0, 0.2), 16000)).balance < -0.5
    assert listen(Sound(stereo(tone(400), 0.2, 1.0), 16000)).balance > 0.5
    assert listen(Sound(tone(400)[None], 16000)).balance == 0.0


@pytest.mark.parametrize("noise", [0.0, 0.01])
def test_the_worlds_own_sounds_are_read_right(noise: float) -> None:
    chance = np.random.default_rng(0)
    made = scenes(8_500_000_000_000)
    for _ in range(32):
        scene = next(made)
        thing = scene.things[0]
        samples = sound_of(scene, Canvas(64, 64, 49)).numpy()
        noisy = samples + chance.normal(0, noise, samples.shape)
        heard = listen(Sound(noisy.astype(np.float32), SAMPLE_RATE))
        # A click in the last moments is faded out.
        expected = [at for at in impacts(thing, SECONDS) if at < SECONDS - 0.06]
        assert heard.colors == (thing.color,)
        assert np.allclose(heard.clicks[: len(expected)], expected, atol=0.03)
        assert len(heard.clicks) <= len(expected) + (len(impacts(thing, SECONDS)) > len(expected))


def test_channels_of_opposite_phase_do_not_cancel() -> None:
    clicking = with_clicks(tone(pitch("purple")), (0.7,))
    heard = listen(Sound(stereo(clicking, 1.0, -1.0), 16000))
    assert heard.colors == ("purple",)
    assert len(heard.clicks) == 1
