"""GIF: colours, exact mean delay, endless loop, a comment where every reader looks."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageSequence

from ltxserve.media.atomic import Draft
from ltxserve.media.encode import write_video
from ltxserve.media.formats.gif import GifWriter
from ltxserve.media.frames import psnr
from tests.unit.media.samples import RATES, flat_clip, moving_clip, target


def test_colours_and_places(tmp_path: Path) -> None:
    clip = moving_clip(12)
    path = write_video([clip], target(tmp_path / "a.gif", clip)).path
    with Image.open(path) as gif:
        frames = [np.asarray(f.convert("RGB")) for f in ImageSequence.Iterator(gif)]
    assert len(frames) == 12
    for index, (seen, wanted) in enumerate(zip(frames, clip, strict=True)):
        assert psnr(seen, wanted) > 30
        assert np.abs(seen[40, index + 12].astype(int) - (220, 30, 40)).max() <= 8


@pytest.mark.parametrize("colour", [(255, 255, 255), (0, 0, 0), (220, 30, 40)])
def test_flat_colours(tmp_path: Path, colour: tuple[int, int, int]) -> None:
    clip = flat_clip(colour)
    path = write_video([clip], target(tmp_path / "a.gif", clip)).path
    with Image.open(path) as gif:
        assert np.abs(np.asarray(gif.convert("RGB")).astype(int) - colour).max() <= 1


@pytest.mark.parametrize("fps", [*RATES, Fraction(10), Fraction(50)])
def test_delays_add_up(tmp_path: Path, fps: Fraction) -> None:
    clip = moving_clip(30, 32, 64)[:, :, :32]
    path = write_video([clip], target(tmp_path / "a.gif", clip, fps)).path
    with Image.open(path) as gif:
        delays = [frame.info["duration"] for frame in ImageSequence.Iterator(gif)]
        assert gif.info["loop"] == 0
    assert sum(delays) == pytest.approx(float(30_000 / fps), abs=10.1)
    assert max(delays) - min(delays) <= 10


@pytest.mark.parametrize("length", [1, 100, 254, 255, 256, 5000])
def test_comments_of_any_length(tmp_path: Path, length: int) -> None:
    clip = moving_clip(2, 32, 64)
    goal = target(tmp_path / "a.gif", clip, metadata={"prompt": "x" * length})
    path = write_video([clip], goal).path
    with Image.open(path) as gif:
        assert b"x" * length in gif.info["comment"]
        assert getattr(gif, "n_frames", 0) == 2


def test_closing_an_unfinished_writer(tmp_path: Path) -> None:
    clip = moving_clip(2, 64, 64)
    writer = GifWriter(Draft(tmp_path, tmp_path / "a.gif"), target(tmp_path / "a.gif", clip))
    writer.add(clip[0])
    writer.close()
    writer.close()
    assert not (tmp_path / "a.gif").exists()
