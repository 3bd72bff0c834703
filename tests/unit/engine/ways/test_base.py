"""Frames of the generated size are cut to the delivered one."""

from math import inf

import pytest

from ltxserve.catalog import load_catalog
from ltxserve.engine.plan import plan
from ltxserve.engine.ways.base import fitted
from ltxserve.engine.ways.reading import covering
from ltxserve.media.frames import psnr
from ltxserve.types import GenerationRequest
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


def test_what_was_scaled_keeps_its_proportions():
    asked = {"prompt": "x", "model": "ltxv-2b-0.9.8-distilled", "width": 320, "height": 264}
    made = plan(GenerationRequest.model_validate(asked), load_catalog())
    assert (made.fit, made.canvas) == ("scale", (320, 288))
    assert (made.generate.width, made.generate.height) == (384, 320)
    clip = moving_clip(9, 320, 264)
    wide = covering(clip, made)
    assert wide.shape == (9, 320, 384, 3)
    assert psnr(fitted(made, wide), clip) > 35
