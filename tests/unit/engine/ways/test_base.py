"""Frames of the generated size are cut to the delivered one."""

from math import inf

import pytest

from ltxserve.engine.ways.base import fitted
from ltxserve.engine.ways.reading import covering
from ltxserve.media.frames import psnr
from tests.tiny import planned
from tests.unit.media.samples import moving_clip


def test_what_needs_no_fitting_stays():
    clip = moving_clip(9, 128, 128)
    assert fitted(planned(), clip) is clip


@pytest.mark.parametrize(
    ("size", "least"), [((160, 138), inf), ((130, 160), inf), ((150, 138), 35), ((138, 150), 35)]
)
def test_covering_and_fitting_undo_each_other(size: tuple[int, int], least: float):
    made = planned(width=size[0], height=size[1])
    assert made.fit == "crop"
    clip = moving_clip(9, *size)
    wide = covering(clip, made)
    assert wide.shape == (9, made.generate.height, made.generate.width, 3)
    assert psnr(fitted(made, wide), clip) >= least
