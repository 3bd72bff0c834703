"""Draws the pictures that the examples start from, so that none has to be shipped."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

BLUE, RED = (30, 75, 235), (222, 30, 38)


def square_on_sand(
    x: float = 0.5, y: float = 0.5, colour: tuple[int, int, int] = BLUE, side: int = 256
) -> Image.Image:
    """A square whose middle is at (x, y), as shares of the picture, on rippled sand."""
    rows, columns = np.mgrid[0:side, 0:side] / side
    ripples = np.sin(6.3 * (0.7 * columns + 2.9 * rows)) * 14
    sand = np.clip(np.array([205, 180, 132]) + ripples[..., None], 0, 255).astype(np.uint8)
    picture = Image.fromarray(sand)
    half = side // 7
    left, top = round(x * side) - half, round(y * side) - half
    corners = (left, top, left + 2 * half, top + 2 * half)
    ImageDraw.Draw(picture).rectangle(corners, fill=colour)
    return picture
