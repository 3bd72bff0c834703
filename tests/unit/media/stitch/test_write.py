"""Frames and samples side by side in one container: all of them, at their exact times."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from ltxserve.media.decode import read_sound
from ltxserve.media.formats.base import EncodeTarget
from ltxserve.media.formats.mp4 import MP4
from ltxserve.media.stitch.pictures import Planes, to_planes
from ltxserve.media.stitch.write import Heard, encode
from tests.unit.media.stitch.material import click_times, clicks, numbered


def planes(count: int) -> Iterator[Planes]:
    return (to_planes(frame) for frame in numbered(count))


def test_pieces_of_any_length_make_one_sound(tmp_path: Path):
    sound = clicks([0.5, 1.5], 2.0)
    cuts = np.split(sound.samples, [7, 8, 5000, 60000], axis=1)
    target = EncodeTarget(tmp_path / "a.mp4", "mp4", Fraction(24), 128, 64)
    assert encode(planes(48), Heard(iter(cuts), 48000, 1), MP4, target) == 48
    read = read_sound(target.path)
    assert read.num_samples == 96000
    assert np.allclose(click_times(read), [0.5, 1.5], atol=1 / 48000)


def test_picture_and_sound_lie_side_by_side(tmp_path: Path):
    """Neither stream runs ahead in the file by more than the encoders hold back."""
    heard = Heard(iter([clicks([1.0], 8.0).samples]), 48000, 1)
    target = EncodeTarget(tmp_path / "a.mp4", "mp4", Fraction(24), 128, 64)
    encode(planes(192), heard, MP4, target)
    with av.open(str(target.path)) as container:
        ends = {"video": 0.0, "audio": 0.0}
        for packet in container.demux():
            if packet.dts is not None and packet.time_base is not None:
                ends[packet.stream.type] = float(packet.dts * packet.time_base)
                assert abs(ends["video"] - ends["audio"]) < 1.1


def test_too_loud_is_cut_not_wrapped(tmp_path: Path):
    heard = Heard(iter([np.full((1, 48000), 3.0, np.float32)]), 48000, 1)
    target = EncodeTarget(tmp_path / "a.mp4", "mp4", Fraction(24), 128, 64)
    encode(planes(24), heard, MP4, target)
    assert read_sound(target.path).samples[0, 2000:40000].min() > 0.9


def test_without_sound(tmp_path: Path):
    target = EncodeTarget(tmp_path / "a.mp4", "mp4", Fraction(24), 128, 64)
    assert encode(planes(5), None, MP4, target) == 5
    with av.open(str(target.path)) as container:
        assert not container.streams.audio
