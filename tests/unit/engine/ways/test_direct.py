"""Clips from one run: what the model is given and which sound they carry."""

import math
from pathlib import Path

import numpy as np

from ltxserve.media.decode import read_sound
from tests.tiny import planned
from tests.unit.engine.ways.given import LOUD, pixels, plan_of, played, video


def test_a_plain_clip_is_given_nothing():
    frames, sound, model, _ = played(planned())
    assert model.takes[0].given is None
    assert frames.shape == (9, 128, 128, 3)
    assert sound is not None
    assert sound.samples.max() == LOUD


def test_a_video_to_make_over_is_begun_from(tmp_path: Path):
    source = video(tmp_path)
    _, sound, model, _ = played(plan_of(video_to_video={"source": source, "strength": 0.5}))
    given = model.takes[0].given
    assert given is not None
    assert given.frames is not None
    assert given.sound is not None
    assert np.array_equal(given.frames.frames, pixels(source))
    assert given.frames.frame == 0
    assert not any(given.frames.held)
    assert given.sound.held == ()
    assert sound is not None
    assert sound.samples.max() == LOUD


def test_a_silent_video_makes_a_silent_clip(tmp_path: Path):
    source = video(tmp_path, sound=False)
    _, sound, model, _ = played(plan_of(video_to_video={"source": source}))
    assert sound is None
    given = model.takes[0].given
    assert given is not None
    assert given.sound is None


def test_a_given_sound_is_held_and_carried(tmp_path: Path):
    source = video(tmp_path)
    made = plan_of(sound={"source": source}, width=128, height=128)
    frames, sound, model, _ = played(made)
    given = model.takes[0].given
    assert given is not None
    assert given.frames is None
    assert given.sound is not None
    assert given.sound.held == ((0.0, math.inf),)
    assert sound is not None
    assert np.array_equal(sound.samples, read_sound(source).samples)
    assert len(frames) == 25


def test_a_picture_format_carries_no_sound(tmp_path: Path):
    made = plan_of(sound={"source": video(tmp_path)}, output={"format": "gif"})
    _, sound, model, _ = played(made)
    given = model.takes[0].given
    assert sound is None
    assert given is not None
    assert given.sound is not None
