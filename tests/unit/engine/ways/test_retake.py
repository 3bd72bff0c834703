"""Retakes: outside the range the source's own pixels and samples, inside what was made."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ltxserve.engine.plan import Plan
from ltxserve.engine.ways.blending import RAMP
from ltxserve.media.decode import read_sound
from tests.unit.engine.ways.given import LOUD, RATE, pixels, plan_of, played, video


def retaken(source: str, **fields: Any) -> Plan:
    return plan_of(retake={"source": source, "start": 0.4, "end": 0.6, **fields})


def test_pictures_outside_are_the_sources_own(tmp_path: Path):
    source = video(tmp_path)
    frames, _, model, _ = played(retaken(source))
    own = pixels(source)
    assert (frames[9:17] == np.array([0, 100, 0])).all()
    assert np.array_equal(frames[: 9 - RAMP], own[: 9 - RAMP])
    assert np.array_equal(frames[17 + RAMP :], own[17 + RAMP :])
    given = model.takes[0].given
    assert given is not None
    assert given.frames is not None
    assert given.frames.held == (True, True, False, True)


def test_the_seam_goes_over_to_the_decoder(tmp_path: Path):
    # The fake decoder gives back what it holds, so that the seam shows nothing of its own.
    source = video(tmp_path)
    frames = played(retaken(source))[0]
    assert np.array_equal(frames[:9], pixels(source)[:9])


def test_sound_outside_is_the_sources_own(tmp_path: Path):
    source = video(tmp_path)
    _, sound, model, _ = played(retaken(source))
    own = read_sound(source).samples
    assert sound is not None
    first, last = round(0.4 * RATE), round(0.6 * RATE)
    assert np.array_equal(sound.samples[:, :first], own[:, :first])
    assert np.array_equal(sound.samples[:, last:], own[:, last : sound.num_samples])
    assert (sound.samples[:, first + 400 : last - 400] == LOUD).all()
    given = model.takes[0].given
    assert given is not None
    assert given.sound is not None
    assert given.sound.held == ((0.0, 0.4), (0.6, float("inf")))


def test_the_sound_alone(tmp_path: Path):
    source = video(tmp_path)
    frames, sound, model, _ = played(retaken(source, video=False))
    assert np.array_equal(frames, pixels(source))
    assert model.decoded == 0, "no picture is made, so none is decoded"
    assert sound is not None
    assert sound.samples.max() == LOUD
    given = model.takes[0].given
    assert given is not None
    assert given.frames is not None
    assert all(given.frames.held)


def test_the_picture_alone(tmp_path: Path):
    source = video(tmp_path)
    _, sound, _, _ = played(retaken(source, audio=False))
    assert sound is not None
    assert np.array_equal(sound.samples, read_sound(source).samples[:, : sound.num_samples])


def test_new_sound_in_a_silent_video(tmp_path: Path):
    source = video(tmp_path, sound=False)
    assert played(retaken(source))[1] is None
    asked = {"source": source, "start": 0.4, "end": 0.6}
    sound = played(plan_of(retake=asked, audio=True))[1]
    assert sound is not None
    assert not sound.samples[:, : round(0.4 * RATE)].any()
    assert sound.samples.max() == LOUD


@pytest.mark.parametrize(("start", "end"), [(3.0, 4.0), (0.0, 0.5), (5.8, 6.25)])
def test_a_source_longer_than_one_run(tmp_path: Path, start: float, end: float):
    source = video(tmp_path, 150)
    made = plan_of(retake={"source": source, "start": start, "end": end})
    frames, sound, model, _ = played(made)
    assert made.retake is not None
    assert len(frames) == 150
    first, last = made.retake.first_frame, made.retake.end_frame
    own, heard = pixels(source), read_sound(source).samples
    assert (frames[first:last] == np.array([0, 100, 0])).all()
    assert np.array_equal(frames[:first], own[:first])
    assert np.array_equal(frames[last:], own[last:])
    assert sound is not None
    begin, stop = round(start * RATE), round(end * RATE)
    assert np.array_equal(sound.samples[:, :begin], heard[:, :begin])
    assert np.array_equal(sound.samples[:, stop:], heard[:, stop : sound.num_samples])
    assert (sound.samples[:, begin + 400 : stop - 400] == LOUD).all()
    given = model.takes[0].given
    assert given is not None
    assert given.frames is not None
    assert len(given.frames.frames) == made.generate.num_frames == 121
    at = made.retake.window
    assert np.array_equal(given.frames.frames, own[at : at + 121])


def test_a_source_between_two_lengths_is_delivered_whole(tmp_path: Path):
    source = video(tmp_path, 22)
    frames, _, model, _ = played(plan_of(retake={"source": source, "start": 0.8, "end": 22 / 24}))
    assert len(frames) == 22
    assert (frames[17:] == np.array([0, 100, 0])).all()
    given = model.takes[0].given
    assert given is not None
    assert given.frames is not None
    assert given.frames.held == (True, True, True, False)
    assert np.array_equal(given.frames.frames[22:], pixels(source)[[21] * 3])


def test_an_odd_size_is_not_shifted(tmp_path: Path):
    source = video(tmp_path)
    asked = {"source": source, "start": 0.4, "end": 0.6}
    made = plan_of(retake=asked, width=128, height=136)
    frames, _, model, _ = played(made)
    assert frames.shape[1:3] == (136, 128)
    given = model.takes[0].given
    assert given is not None
    assert given.frames is not None
    assert given.frames.frames.shape[1:3] == (160, 128)
    assert np.array_equal(given.frames.frames[0, 12:148], frames[0])
