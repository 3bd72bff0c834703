"""Joins: what is kept is untouched, what is new is whole, and between them nothing jumps."""

import numpy as np
import pytest

from ltxserve.engine.ways.blending import (
    RAMP,
    alike,
    appended,
    cut,
    mixed,
    replaced,
    share_of_new,
    silence,
)
from ltxserve.media.sound import Sound

RATE = 1000


def flat(value: float, seconds: float, channels: int = 1) -> Sound:
    return Sound(np.full((channels, round(seconds * RATE)), value, np.float32), RATE)


def test_the_share_falls_with_the_distance():
    shares = [share_of_new(distance) for distance in range(RAMP + 3)]
    assert shares[0] == 1
    assert shares == sorted(shares, reverse=True)
    assert shares[RAMP] > 0
    assert shares[RAMP + 1 :] == [0, 0]


def test_frames_between():
    one, two = np.zeros((2, 2, 3), np.uint8), np.full((2, 2, 3), 100, np.uint8)
    assert mixed(one, two, 0) is one
    assert mixed(one, two, 1) is two
    assert mixed(one, two, 0.25)[0, 0, 0] == 25


def test_a_range_is_replaced_and_faded_inside():
    made = replaced(flat(0.0, 1), flat(1.0, 1), 0.2, 0.6).samples[0]
    assert not made[:200].any()
    assert not made[600:].any()
    assert (made[220:580] == 1).all()
    assert np.abs(np.diff(made)).max() < 0.06


def test_nothing_is_faded_at_the_ends_of_the_sound():
    assert (replaced(flat(0.0, 1), flat(1.0, 1), 0, 1).samples == 1).all()


def test_the_new_sound_is_brought_to_the_old_ones_form():
    old = Sound(np.zeros((2, 4000), np.float32), 4000)
    made = replaced(old, flat(0.5, 1), 0.25, 0.75)
    assert (made.sample_rate, made.samples.shape) == (4000, (2, 4000))
    assert made.samples[:, 2000] == pytest.approx(0.5, abs=0.01)


def test_appending_fades_over_the_end():
    made = appended(flat(0.0, 1), flat(1.0, 0.5), flat(1.0, 0.3)).samples[0]
    assert len(made) == 1500
    assert not made[:980].any()
    assert (made[1000:] == 1).all()
    assert np.abs(np.diff(made)).max() < 0.06
    assert len(appended(flat(0.0, 1), flat(1.0, 0.5)).samples[0]) == 1500


def test_alike_mixes_and_spreads_channels():
    assert alike(flat(0.5, 1, 2), flat(0, 1)).channels == 1
    assert alike(flat(0.5, 1), flat(0, 1, 2)).channels == 2


def test_cuts_follow_frames():
    sound = Sound(np.linspace(0, 0.999, 1000, dtype=np.float32)[None], RATE)
    part = cut(sound, 10, 2, 5)
    assert part.num_samples == 300
    assert part.samples[0, 0] == pytest.approx(0.2)
    assert not cut(sound, 10, 9, 12).samples[0, 100:].any()
    assert silence(5, 10, sound).num_samples == 500
