"""Targets are values with quiet defaults; every writer takes the three steps."""

from fractions import Fraction
from pathlib import Path

import pytest

from ltxserve.media.atomic import Draft
from ltxserve.media.formats.base import EncodeTarget, FrameWriter
from ltxserve.media.formats.gif import GifWriter
from ltxserve.media.formats.png import PngWriter
from tests.unit.media.samples import moving_clip, target


def test_defaults() -> None:
    goal = EncodeTarget(Path("a.mp4"), "mp4", Fraction(24), 64, 64)
    assert goal.crf is None
    assert goal.metadata == {}


@pytest.mark.parametrize("kind", [GifWriter, PngWriter])
def test_writers_fit_the_protocol(tmp_path: Path, kind: type[GifWriter | PngWriter]) -> None:
    clip = moving_clip(2, 64, 64)
    writer: FrameWriter = kind(Draft(tmp_path, tmp_path / "out"), target(tmp_path / "a", clip))
    for frame in clip:
        writer.add(frame)
    writer.end()
    writer.finish(None)
    writer.close()
    assert (tmp_path / "out").exists()
