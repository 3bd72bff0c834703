"""How far the colours of what was made have gone from where they came; measures, judges nothing."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ltxserve.engine.backends.base import Frames

Colour = npt.NDArray[np.float64]


def mean_colour(frames: Frames) -> Colour:
    """Mean red, green and blue of frames, 0 to 255."""
    return frames.reshape(-1, 3).mean(axis=0, dtype=np.float64)


def drift(frames: Frames, before: Colour) -> float:
    """Levels (of 255) that the mean colour is away from another one, root mean square of three."""
    return float(np.sqrt(np.mean((mean_colour(frames) - before) ** 2)))
