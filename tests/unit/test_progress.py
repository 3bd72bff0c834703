"""Progress fractions and the null observer."""

import pytest

from ltxserve.progress import NullObserver, Progress


@pytest.mark.parametrize(
    ("step", "of", "share"), [(0, 8, 0.0), (4, 8, 0.5), (8, 8, 1.0), (9, 8, 1.0), (0, 0, 0.0)]
)
def test_fraction_stays_between_none_and_all(step: int, of: int, share: float):
    assert Progress("denoise", step, of).fraction == share


def test_the_null_observer_accepts_everything():
    assert NullObserver()(Progress("decode_video", 1, 2, "half")) is None
