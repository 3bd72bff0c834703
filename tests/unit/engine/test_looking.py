"""Sources are seen as they are played."""

from fractions import Fraction
from pathlib import Path

import pytest

from ltxserve.engine.looking import VideoFacts, look_at_sound, look_at_video, named
from ltxserve.errors import MediaError
from ltxserve.media.encode import write_video
from ltxserve.media.sound import write_wav
from tests.unit.media.samples import click, moving_clip, target


def test_a_video_with_sound(tmp_path: Path):
    path, clip = tmp_path / "a.mp4", moving_clip(13)
    write_video([clip], target(path, clip, Fraction(30)), click(0.1, 13 / 30))
    assert look_at_video(str(path)) == VideoFacts(128, 96, 13, Fraction(30), True)
    assert look_at_sound(str(path)) == pytest.approx(13 / 30, abs=0.01)


def test_a_silent_video(tmp_path: Path):
    path, clip = tmp_path / "a.mp4", moving_clip(9)
    write_video([clip], target(path, clip), None)
    assert not look_at_video(str(path)).has_sound
    with pytest.raises(MediaError) as caught:
        look_at_sound(str(path))
    assert caught.value.code == "media_unsupported"


def test_a_sound_alone(tmp_path: Path):
    path = tmp_path / "a.wav"
    write_wav(click(0.1, 1.5), path)
    assert look_at_sound(str(path)) == 1.5
    with pytest.raises(MediaError):
        look_at_video(str(path))


def test_nothing_there(tmp_path: Path):
    with pytest.raises(MediaError) as caught:
        look_at_video(str(tmp_path / "gone.mp4"))
    assert caught.value.code == "media_not_found"


def test_what_is_wrong_is_said_of_the_field_that_names_the_source(tmp_path: Path):
    with pytest.raises(MediaError) as caught, named("extend.source"):
        look_at_video(str(tmp_path / "gone.mp4"))
    assert (caught.value.code, caught.value.field) == ("media_not_found", "extend.source")
