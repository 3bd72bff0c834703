"""Scenes made to measure, and where their things are, seen in the pixels."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ltxserve.training.tiny.draw import Canvas, draw
from ltxserve.training.tiny.scene import Scene, Thing

CANVAS = Canvas(128, 128, 17)
RED_CIRCLE = Thing("circle", "red", "medium", 0.3, "still", 0.0, 0.0, 1.0, 0.25)
EMPTY = Scene((), "grass", (0.0, 0.0), "static", 0.6, silent=False)


def thing(**changes: Any) -> Thing:
    """A red circle of radius 0.3 that rests in the middle, but for the changes."""
    return replace(RED_CIRCLE, **changes)


def scene(*things: Thing, **changes: Any) -> Scene:
    """Things on grass under a static camera, but for the changes."""
    return replace(EMPTY, things=things, **changes)


def pixels(shown: Scene, canvas: Canvas = CANVAS) -> np.ndarray:
    """Frames as uint8 (frames, height, width, 3)."""
    frames = (draw(shown, canvas).permute(0, 2, 3, 1) + 1) * 127.5
    return frames.round().clamp(0, 255).byte().numpy()


def covered(shown: Scene, canvas: Canvas = CANVAS) -> np.ndarray:
    """Where the things are: bool (frames, height, width), by comparison with the bare backdrop."""
    difference = draw(shown, canvas) - draw(replace(shown, things=()), canvas)
    return difference.abs().amax(1).numpy() > 0.25


def centers(mask: np.ndarray, canvas: Canvas = CANVAS) -> np.ndarray:
    """Centroid of the covered pixels in each frame: (frames, 2), x and y in half frame sides."""
    return np.array([middle(frame, canvas) for frame in mask])


def middle(frame: np.ndarray, canvas: Canvas) -> tuple[float, float]:
    """Centroid of one frame's covered pixels."""
    rows, columns = np.nonzero(frame)
    return (
        (columns.mean() + 0.5 - canvas.width / 2) / canvas.unit,
        (rows.mean() + 0.5 - canvas.height / 2) / canvas.unit,
    )
