"""exact_fps and samples_for: the rates people write, and sound as long as the picture."""

from fractions import Fraction

import pytest

from ltxserve.errors import MediaError
from ltxserve.media.rates import exact_fps, samples_for


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (23.976, Fraction(24000, 1001)),
        (23.98, Fraction(24000, 1001)),
        (29.97, Fraction(30000, 1001)),
        (59.94, Fraction(60000, 1001)),
        (24, Fraction(24)),
        (24.0, Fraction(24)),
        (25, Fraction(25)),
        (12.5, Fraction(25, 2)),
        (Fraction(30000, 1001), Fraction(30000, 1001)),
        (1, Fraction(1)),
    ],
)
def test_rates_as_written(written: float, meant: Fraction) -> None:
    assert exact_fps(written) == meant


@pytest.mark.parametrize("wrong", [0, -24, float("nan"), float("inf"), 1e-9])
def test_no_rates(wrong: float) -> None:
    with pytest.raises(MediaError) as caught:
        exact_fps(wrong)
    assert caught.value.code == "output_invalid"


def test_sound_lasts_as_long_as_the_frames() -> None:
    assert samples_for(121, Fraction(24), 48000) == 242000
    assert samples_for(121, Fraction(24000, 1001), 48000) == 242242
    assert samples_for(49, Fraction(24), 16000) == 32667
