"""Drift is the distance of mean colours."""

import numpy as np
import pytest

from ltxserve.engine.ways.drift import drift, mean_colour
from tests.unit.media.samples import flat_clip


def test_mean_colour():
    assert np.allclose(mean_colour(flat_clip((10, 20, 30))), (10, 20, 30))


def test_drift_is_counted_in_levels():
    start = mean_colour(flat_clip((100, 100, 100)))
    assert drift(flat_clip((100, 100, 100)), start) == 0
    assert drift(flat_clip((110, 110, 110)), start) == pytest.approx(10)
    assert drift(flat_clip((100, 100, 103)), start) == pytest.approx(3**0.5)
