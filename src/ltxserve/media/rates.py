"""Frame rates as exact fractions; knows nothing of files or codecs."""

from __future__ import annotations

import math
from fractions import Fraction

from ltxserve.errors import MediaError

_FILM_AND_TV = (24, 30, 48, 60, 120)
_NTSC = tuple(Fraction(rate * 1000, 1001) for rate in _FILM_AND_TV)
# People write 23.98 for 24000/1001 (off by 0.004); 24 itself is off by 0.024.
_NTSC_TOLERANCE = 0.005


def exact_fps(fps: float | Fraction) -> Fraction:
    """The exact rate that a rounded frame rate means.

    23.976 or 23.98 gives 24000/1001, 29.97 gives 30000/1001; other rates become the
    nearest fraction with a denominator of at most 1001. Unit: frames per second.
    Raises MediaError (`output_invalid`) for rates that are not finite and above zero.
    """
    if not math.isfinite(fps) or fps <= 0:
        raise MediaError(
            "output_invalid", f"{fps} is not a frame rate.", "Use a number such as 24.", "fps"
        )
    for rate in _NTSC:
        if abs(float(rate) - float(fps)) < _NTSC_TOLERANCE:
            return rate
    exact = Fraction(fps).limit_denominator(1001)
    if exact <= 0:
        raise MediaError("output_invalid", f"{fps} frames per second is too slow.", "", "fps")
    return exact


def samples_for(num_frames: int, fps: Fraction, sample_rate: int) -> int:
    """How many sound samples last exactly as long as `num_frames` pictures (rounded)."""
    return round(Fraction(num_frames * sample_rate) / fps)
