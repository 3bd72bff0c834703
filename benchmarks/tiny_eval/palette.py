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
GREY = 10.0  # chroma below which a colour has no hue
FADING, SHADE = 0.4, 0.8  # weights of chroma and lightness when colours are named; hue has 1
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
    """Name of the object colour that a Lab triple most looks like.

    Blur mixes colours with what is around them: that takes from their chroma and shifts their
    lightness before it turns their hue, so hue weighs most and chroma least, unless the reference
    is a grey: what has any hue is neither black nor white.
    """
    known = palette()
    chroma, own = np.hypot(lab[1], lab[2]), np.hypot(known.bodies[:, 1], known.bodies[:, 2])
    turn = np.arctan2(lab[2], lab[1]) - np.arctan2(known.bodies[:, 2], known.bodies[:, 1])
    hue = 2.0 * np.sqrt(chroma * own) * np.sin(turn / 2.0)
    fading = np.where(own < GREY, 1.0, FADING) * (chroma - own)
    shade = SHADE * (lab[0] - known.bodies[:, 0])
    return known.colors[int(np.argmin(hue**2 + fading**2 + shade**2))]
