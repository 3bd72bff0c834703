"""The palette holds the clip's colours, and mapping loses no frame."""

from collections.abc import Iterator
from fractions import Fraction

import numpy as np
from av import VideoFrame

from ltxserve.media.formats.palette import PaletteMaker, mapped
from tests.unit.media.samples import flat_clip

FPS = Fraction(24)
COLOURS = [(220, 30, 40), (30, 200, 60), (30, 60, 220)]


def frames(pix_fmt: str) -> Iterator[VideoFrame]:
    for index, colour in enumerate(COLOURS):
        frame = VideoFrame.from_ndarray(flat_clip(colour, 1)[0]).reformat(format=pix_fmt)
        frame.pts, frame.time_base = index, 1 / FPS
        yield frame


def made() -> VideoFrame:
    maker = PaletteMaker(64, 64, FPS)
    for frame in frames("rgb24"):
        maker.see(frame)
    return maker.palette()


def test_palette_has_the_colours_of_every_frame() -> None:
    entries = np.asarray(made().to_ndarray(format="rgb24")).reshape(-1, 3).tolist()
    assert all(list(colour) in entries for colour in COLOURS)


def test_every_frame_is_mapped_in_order() -> None:
    out = [frame.to_ndarray(format="rgb24") for frame in mapped(frames("bgr0"), made(), FPS)]
    assert [tuple(picture[5, 5].tolist()) for picture in out] == COLOURS


def test_no_frames() -> None:
    assert list(mapped(iter([]), made(), FPS)) == []
