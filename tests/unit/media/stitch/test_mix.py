"""When each clip is heard and how it fades: at joints nothing jumps, drops out or gets louder."""

from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ltxserve.media.stitch.mix import mixed, voices
from tests.unit.media.stitch.material import clip, numbered, planned, tone

RATE = 48000


@pytest.fixture
def two(tmp_path: Path) -> list[Path]:
    """Two seconds each; tones that have nothing to do with one another."""
    return [
        clip(tmp_path / "a.mp4", numbered(48), tone(2.0, 440)),
        clip(tmp_path / "b.mp4", numbered(48), tone(2.0, 613)),
    ]


def mix(clips: list[Path], **fields: Any) -> np.ndarray:
    with closing(mixed(planned(clips, **fields))) as blocks:
        return np.concatenate(list(blocks), axis=1)[0]


def level(samples: np.ndarray, at: float, width: float = 0.04) -> float:
    first, last = round((at - width / 2) * RATE), round((at + width / 2) * RATE)
    return float(np.sqrt(np.mean(samples[first:last] ** 2)))


def test_a_cut_has_no_gap(two: list[Path]):
    samples = mix(two)
    assert len(samples) == 4 * RATE
    steady = level(samples, 1.0)
    for at in (1.98, 2.0, 2.02):
        assert steady * 0.85 < level(samples, at, 0.02) < steady * 1.25


def test_a_crossfade_keeps_the_level(two: list[Path]):
    samples = mix(two, transition={"kind": "crossfade", "seconds": 0.5})
    assert len(samples) == 3.5 * RATE
    steady = level(samples, 1.0)
    for at in (1.5, 1.6, 1.75, 1.9, 2.0):
        assert level(samples, at) == pytest.approx(steady, rel=0.12)


def test_a_fade_is_silent_in_the_middle(two: list[Path]):
    samples = mix(two, transition={"kind": "fade", "seconds": 0.5})
    assert level(samples, 2.0, 0.004) < 0.01
    assert level(samples, 1.7) == pytest.approx(level(samples, 1.0), rel=0.05)


def test_a_cut_with_crossfaded_sound_uses_what_lies_outside_the_parts(two: list[Path]):
    """Both clips have a second more than is shown, so the level holds across the cut."""
    cut = {"kind": "cut", "audio_seconds": 0.5}
    own = [{"end": 1.0}, {"start": 1.0}]
    plan = planned(two, clips_=own, transition=cut)
    first, second = voices(plan)
    assert (first.falls, first.end) == (round(0.75 * RATE), round(1.25 * RATE))
    assert (second.begin, second.risen) == (round(0.75 * RATE), round(1.25 * RATE))
    samples = mix(two, clips_=own, transition=cut)
    assert len(samples) == 2 * RATE
    for at in (0.8, 1.0, 1.2):
        assert level(samples, at) == pytest.approx(level(samples, 0.4), rel=0.12)


def test_without_anything_outside_the_sound_dips_and_never_jumps(two: list[Path]):
    samples = mix(two, transition={"kind": "cut", "audio_seconds": 0.1})
    assert level(samples, 2.0, 0.004) < 0.02
    assert np.abs(np.diff(samples)).max() < 0.03


def test_the_sound_may_change_at_once_in_the_middle_of_a_crossfade(two: list[Path]):
    fade = {"kind": "crossfade", "seconds": 0.5, "audio_seconds": 0}
    first, second = voices(planned(two, transition=fade))
    assert first.end == second.begin == round(1.75 * RATE)
    assert second.lead < 0


def test_who_is_silent_is_not_opened(two: list[Path]):
    assert len(voices(planned(two, clips_=[{"volume": 0}, {}]))) == 1
    assert voices(planned(two, audio=False)) == ()


def test_gains_are_whole_between_the_fades(two: list[Path]):
    plan = planned(two, clips_=[{"volume": 0.5}, {}], transition={"kind": "fade", "seconds": 0.5})
    voice = voices(plan)[0]
    assert np.all(voice.gain(0, 1000) == 0.5)
    fall = voice.gain(voice.falls, voice.end - voice.falls)
    assert np.all(np.diff(fall) <= 0)
    assert fall[-1] < 0.001
