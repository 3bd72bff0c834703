"""Sources are read at the clip's size, rate and length."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from ltxserve.engine.ways.reading import read_given_sound, read_material
from ltxserve.errors import MediaError
from ltxserve.media.encode import write_video
from ltxserve.media.sound import write_wav
from tests.tiny import planned
from tests.unit.engine.ways.given import pixels, tone, video
from tests.unit.media.samples import click, click_time, moving_clip, target


def test_a_source_as_it_is(tmp_path: Path):
    source = video(tmp_path)
    read = read_material(source, planned(num_frames=25), 25)
    assert np.array_equal(read.frames, pixels(source))
    assert read.sound is not None
    assert read.sound.num_samples == tone(25).num_samples


def test_a_part_of_a_source(tmp_path: Path):
    source = video(tmp_path)
    read = read_material(source, planned(), 9)
    assert np.array_equal(read.frames, pixels(source)[:9])
    assert read.sound is not None
    assert read.sound.num_samples == tone(9).num_samples


def test_another_rate_keeps_the_time(tmp_path: Path):
    path, clip = tmp_path / "a.mp4", moving_clip(24, 128, 128)
    write_video([clip], target(path, clip, Fraction(12)), None)
    read = read_material(str(path), planned(num_frames=41), 41)
    assert np.array_equal(read.frames[:40:2], read.frames[1:41:2])
    assert read.sound is None


def test_one_frame_too_few_is_made_up_for(tmp_path: Path):
    read = read_material(video(tmp_path), planned(), 26)
    assert np.array_equal(read.frames[25], read.frames[24])


def test_a_source_that_is_too_short(tmp_path: Path):
    with pytest.raises(MediaError) as caught:
        read_material(video(tmp_path), planned(), 49)
    assert caught.value.code == "source_too_short"


def test_a_sound_from_a_second_on(tmp_path: Path):
    path = tmp_path / "a.wav"
    write_wav(click(0.7, 2.0), path)
    sound = read_given_sound(str(path), 0.5)
    assert sound.seconds == 1.5
    assert click_time(sound) == pytest.approx(0.2)
    with pytest.raises(MediaError) as caught:
        read_given_sound(str(path), 2.0)
    assert caught.value.code == "source_too_short"
