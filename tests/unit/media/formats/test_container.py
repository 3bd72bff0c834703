"""Inside the containers: order of packets, key frames, streams, and closing after a failure."""

from fractions import Fraction
from pathlib import Path

import av
import pytest

from ltxserve.media.atomic import Draft
from ltxserve.media.encode import write_video
from ltxserve.media.formats.container import ContainerFormat, ContainerWriter
from ltxserve.media.formats.mp4 import MP4
from ltxserve.media.formats.webm import WEBM
from tests.unit.media.samples import click, moving_clip, target


@pytest.mark.parametrize("suffix", ["mp4", "webm"])
def test_picture_and_sound_are_interleaved(tmp_path: Path, suffix: str) -> None:
    """No stream runs ahead of the other by more than a second in the file."""
    clip = moving_clip(100, 64, 64)
    path = write_video([clip], target(tmp_path / f"a.{suffix}", clip), click(1.0, 9.0)).path
    times = {"video": Fraction(0), "audio": Fraction(0)}
    with av.open(str(path)) as container:
        packets = [p for p in container.demux() if p.dts is not None and p.pos is not None]
        for packet in sorted(packets, key=lambda p: p.pos or 0):
            times[packet.stream.type] = Fraction(packet.dts or 0) * Fraction(packet.time_base or 0)
            assert abs(times["video"] - times["audio"]) < 1.2
    assert min(times.values()) > 3


@pytest.mark.parametrize("suffix", ["mp4", "webm"])
def test_a_key_frame_every_two_seconds(tmp_path: Path, suffix: str) -> None:
    clip = moving_clip(121, 64, 64)
    path = write_video([clip], target(tmp_path / f"a.{suffix}", clip)).path
    with av.open(str(path)) as container:
        keys = [index for index, frame in enumerate(container.decode(video=0)) if frame.key_frame]
    assert keys[0] == 0
    assert max(after - before for before, after in zip(keys, [*keys[1:], 121], strict=True)) <= 48


@pytest.mark.parametrize("layout", [MP4, WEBM])
def test_closing_an_unfinished_writer(tmp_path: Path, layout: ContainerFormat) -> None:
    clip = moving_clip(3, 64, 64)
    goal = target(tmp_path / "a.mp4", clip)
    writer = ContainerWriter(layout, Draft(tmp_path, tmp_path / "a.mp4"), goal)
    writer.add(clip[0])
    writer.close()
    writer.close()
    assert not (tmp_path / "a.mp4").exists()
