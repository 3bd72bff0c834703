"""The named colours and backgrounds as points in CIE Lab; knows neither frames nor objects."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from ltxserve.training.tiny.words import world

Floats = NDArray[np.floating]
Bytes = NDArray[np.uint8]

RIM_SHADE = 0.45  # objects of the world have a thin edge of their own colour at this brightness
TEXTURE_POINTS = 9  # samples along a background's span of colours


@dataclass(frozen=True)
class Palette:
    """Reference colours in Lab (L 0..100).

    colors: names in order; bodies, rims: (colours, 3), an object's inside and its edge.
    backgrounds: names in order; textures: (backgrounds, points, 3), the colours each may show.
    """

    colors: tuple[str, ...]
    bodies: Floats
    rims: Floats
    backgrounds: tuple[str, ...]
    textures: Floats


def to_lab(pixels: Bytes | Floats) -> Floats:
    """sRGB 0..255 of shape (h, w, 3) as Lab float32 of the same shape, L 0..100."""
    lab = cv2.cvtColor(pixels.astype(np.float32) / 255.0, cv2.COLOR_RGB2LAB)
    return np.asarray(lab, np.float32)


def distances(pixels: Floats, points: Floats) -> Floats:
    """Distance in Lab of each pixel (n, 3) to each point (m, 3), shape (n, m)."""
    squares = (pixels**2).sum(1)[:, None] + (points**2).sum(1)[None] - 2.0 * pixels @ points.T
    return np.sqrt(np.maximum(squares, 0.0))


@cache
def palette() -> Palette:
    """The palette of the world as the package ships it."""
    known = world()
    bodies = np.array([color.rgb for color in known.colors.values()], np.float32)
    steps = np.linspace(-1.0, 1.0, TEXTURE_POINTS, dtype=np.float32)[:, None]
    textures = [
        np.array(ground.rgb, np.float32) + steps * np.array(ground.tint, np.float32)
        for ground in known.backgrounds.values()
    ]
    return Palette(
        colors=tuple(known.colors),
        bodies=to_lab(bodies[None])[0],
        rims=to_lab(RIM_SHADE * bodies[None])[0],
        backgrounds=tuple(known.backgrounds),
        textures=to_lab(np.clip(np.stack(textures), 0, 255)),
    )


def nearest_color(lab: Floats) -> str:
    """Name of the object colour nearest to a Lab triple."""
    known = palette()
    return known.colors[int(distances(lab[None], known.bodies)[0].argmin())]
