"""Draws the edges of pictures, as control videos show them; it knows no model."""

from __future__ import annotations

import numpy as np

from ltxserve.errors import ModelUnavailable
from ltxserve.media.frames import Pixels

THRESHOLDS = (100, 200)
"""Of Canny's hysteresis, as Lightricks' trainer draws edges (compute_reference.py)."""


def canny(frames: Pixels) -> Pixels:
    """White edges on black, uint8 (n, h, w, 3), of frames (n, h, w, 3).

    Raises ModelUnavailable `backend_missing` where OpenCV is not installed.
    """
    try:
        import cv2
    except ImportError as error:
        raise ModelUnavailable(
            "backend_missing",
            "Edges are drawn with OpenCV, which is not installed.",
            "Install the engine: pip install 'ltxserve[engine]'.",
            "controls",
        ) from error
    drawn = np.empty_like(frames)
    for number, frame in enumerate(frames):
        grey = cv2.cvtColor(np.ascontiguousarray(frame), cv2.COLOR_RGB2GRAY)
        drawn[number] = cv2.Canny(grey, *THRESHOLDS)[..., None]
    return drawn
