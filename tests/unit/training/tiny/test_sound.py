"""Sounds of scenes: pitch, place, clicks, silence and length, measured in the samples."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ltxserve.training.tiny.draw import BOUNCE_SECONDS, Canvas
from ltxserve.training.tiny.scene import Scene, random_scene
from ltxserve.training.tiny.sound import FADE_SECONDS, SAMPLE_RATE, impacts, sound_of
from ltxserve.training.tiny.words import world
from tests.unit.training.tiny.scenes import centers, covered, scene, thing

CLIP = Canvas(64, 64, 49)


def heard(shown: Scene, canvas: Canvas = CLIP) -> np.ndarray:
    return sound_of(shown, canvas).numpy()


def peaks(sound: np.ndarray, count: int) -> list[float]:
    """The loudest frequencies of both channels together, in hertz, at least a semitone apart."""
    spectrum = np.abs(np.fft.rfft(sound.sum(0) * np.hanning(sound.shape[1])))
    hertz = np.fft.rfftfreq(sound.shape[1], 1 / SAMPLE_RATE)
    found: list[float] = []
    for _ in range(count):
        found.append(float(hertz[spectrum.argmax()]))
        spectrum[np.abs(np.log2(np.maximum(hertz, 1) / found[-1])) < 1 / 12] = 0
    return sorted(found)


def loudness(sound: np.ndarray) -> np.ndarray:
    """Root mean square of each channel."""
    return np.sqrt(np.square(sound).mean(1))


@pytest.mark.parametrize("name", list(world().colors))
def test_pitch_tells_the_color(name: str) -> None:
    pitch = world().colors[name].pitch
    sound = heard(scene(thing(color=name)))
    assert peaks(sound, 1) == pytest.approx([pitch], abs=1)
    power = np.abs(np.fft.rfft(sound[0])) ** 2
    hertz = np.fft.rfftfreq(sound.shape[1], 1 / SAMPLE_RATE)
    assert power[np.abs(hertz - pitch) < 40].sum() > 0.98 * power.sum(), "no other pitch"


def test_two_things_sound_together() -> None:
    shown = scene(thing(color="red", x=-0.5), thing(color="pink", x=0.5))
    pitches = [world().colors[name].pitch for name in ("red", "pink")]
    assert set(pitches) <= {round(found) for found in peaks(heard(shown), 4)}


def test_place_is_heard() -> None:
    for x, louder in ((-0.8, 0), (0.8, 1)):
        channels = loudness(heard(scene(thing(x=x))))
        assert channels[louder] > 2 * channels[1 - louder]
    left, right = loudness(heard(scene(thing(x=0.0))))
    assert left == pytest.approx(right, rel=1e-3)


def test_a_thing_that_crosses_the_frame_crosses_the_ears() -> None:
    sound = heard(scene(thing(motion="right")))
    ways = [
        channels[0] / channels[1] for channels in map(loudness, np.split(sound[:, :32640], 8, 1))
    ]
    assert ways == sorted(ways, reverse=True)
    assert ways[0] > 1 > ways[-1]


def test_the_camera_moves_the_ears_too() -> None:
    sound = heard(scene(thing(), camera="dolly_right"))
    first, last = np.split(sound[:, :32640], 2, 1)
    assert loudness(first)[1] > loudness(first)[0]
    assert loudness(last)[1] < loudness(last)[0]


def test_growing_things_get_louder() -> None:
    first, last = np.split(heard(scene(thing(motion="growing")))[:, :32640], 2, 1)
    assert loudness(last)[0] > 1.3 * loudness(first)[0]


def test_only_bouncing_things_hit_the_ground() -> None:
    assert impacts(thing(motion="down"), 2.0) == []
    assert impacts(thing(motion="bouncing"), 0.01) == []


@pytest.mark.parametrize("phase", [0.0, 0.3, 0.7, 0.99])
def test_things_hit_the_ground_where_the_drawing_is_lowest(phase: float) -> None:
    """At 96 frames a second, so that the lowest frame is within 6 ms of the impact."""
    canvas = Canvas(128, 128, 193, 96.0)
    bouncing = thing(motion="bouncing", phase=phase)
    below = centers(covered(scene(bouncing), canvas), canvas)[:, 1]
    middle = (below[1:-1] >= below[:-2]) & (below[1:-1] > below[2:])
    drawn = (1 + np.flatnonzero(middle)) / canvas.fps
    told = [at for at in impacts(bouncing, 193 / 96) if 0.02 < at < 1.98]
    assert told == pytest.approx(list(drawn), abs=1.01 / 96)
    assert np.diff(told) == pytest.approx(BOUNCE_SECONDS)


def test_clicks_are_heard_at_the_impacts_and_nowhere_else() -> None:
    bouncing = thing(motion="bouncing", color="red")
    sound = heard(scene(bouncing))[0]
    spectrum = np.fft.rfft(sound)
    spectrum[: int(2000 * len(sound) / SAMPLE_RATE)] = 0  # above the tone and its octave
    high = np.square(np.fft.irfft(spectrum, len(sound)))
    blocks = high[: len(high) // 160 * 160].reshape(-1, 160).mean(1)
    loud = np.flatnonzero(blocks > 0.1 * blocks.max()) / 100
    assert all(min(abs(at - hit) for hit in impacts(bouncing, 49 / 24)) < 0.05 for at in loud)
    assert all(min(abs(loud - hit)) < 0.015 for hit in impacts(bouncing, 49 / 24))


def test_silent_scenes_are_silent_to_the_last_bit() -> None:
    shown = scene(thing(motion="bouncing"), silent=True)
    assert not heard(shown).any()
    assert not heard(scene()).any(), "nothing there makes no sound"


@pytest.mark.parametrize("fps", [8.0, 24.0, 25.0, 30000 / 1001])
@pytest.mark.parametrize("frames", [1, 9, 49, 121])
def test_sound_is_as_long_as_the_frames(frames: int, fps: float) -> None:
    sound = sound_of(random_scene(3), Canvas(64, 64, frames, fps))
    assert sound.shape == (2, round(frames / fps * SAMPLE_RATE))
    assert sound.dtype == torch.float32


def test_samples_stay_in_range_and_fade_at_both_ends() -> None:
    for seed in range(40):
        sound = heard(random_scene(seed))
        assert np.abs(sound).max() <= 1
        assert not sound[:, [0, -1]].any()
        edge = int(FADE_SECONDS * SAMPLE_RATE / 10)
        assert np.abs(sound[:, :edge]).max() <= 0.1


def test_equal_scenes_sound_equal() -> None:
    assert torch.equal(sound_of(random_scene(2), CLIP), sound_of(random_scene(2), CLIP))
