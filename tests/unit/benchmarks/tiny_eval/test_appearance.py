"""Colour and shape of objects painted here."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from benchmarks.tiny_eval.appearance import color_of, overlap, shape_of, stencils
from benchmarks.tiny_eval.segment import Blob, Track
from ltxserve.training.tiny.words import world


def painted(name: str, radius: int) -> np.ndarray:
    """A mask of 128 pixels with a shape drawn the way a child would."""
    middle, r = 64, radius
    outlines = {
        "square": [(-r, -r), (r, -r), (r, r), (-r, r)],
        "triangle": [(0, -r), (r, 0.8 * r), (-r, 0.8 * r)],
        "diamond": [(0, -r), (0.85 * r, 0), (0, r), (-0.85 * r, 0)],
        "star": [
            ((r if i % 2 == 0 else 0.45 * r) * np.sin(i * np.pi / 5),
             -(r if i % 2 == 0 else 0.45 * r) * np.cos(i * np.pi / 5))
            for i in range(10)
        ],
    }  # fmt: skip
    mask = np.zeros((128, 128), np.uint8)
    if name == "circle":
        cv2.circle(mask, (middle, middle), r, 1, cv2.FILLED)
    elif name == "cross":
        arm = round(0.3 * r)
        cv2.rectangle(mask, (middle - r, middle - arm), (middle + r, middle + arm), 1, cv2.FILLED)
        cv2.rectangle(mask, (middle - arm, middle - r), (middle + arm, middle + r), 1, cv2.FILLED)
    else:
        points = np.round(np.array(outlines[name]) + middle).astype(np.int32)
        cv2.fillPoly(mask, [points], 1)
    return mask.astype(bool)


def track(mask: np.ndarray) -> Track:
    rows, columns = np.nonzero(mask)
    box = (int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1)
    center = (float(columns.mean()), float(rows.mean()))
    return Track((Blob(0, mask, box, int(mask.sum()), center),))


@pytest.mark.parametrize("radius", [9, 20, 45])
@pytest.mark.parametrize("name", list(world().shapes))
def test_shapes_of_any_size_are_named(name: str, radius: int) -> None:
    assert shape_of(track(painted(name, radius))) == name


@pytest.mark.parametrize("name", list(world().colors))
def test_colours_are_named_in_spite_of_a_dark_edge(name: str) -> None:
    mask = painted("square", 20)
    inner = cv2.erode(mask.astype(np.uint8), np.ones((5, 5), np.uint8)).astype(bool)
    frame = np.full((128, 128, 3), 90, np.uint8)
    rgb = np.array(world().colors[name].rgb)
    frame[mask], frame[inner] = rgb * 0.45, rgb
    assert color_of(track(mask), frame[None]) == name


def test_every_shape_of_the_world_has_a_stencil_unlike_the_others() -> None:
    drawn = stencils()
    assert {name for name, _ in drawn} == set(world().shapes)
    for name, cover in drawn:
        assert overlap(cover, cover) == 1.0
        others = [overlap(cover, other) for its, other in drawn if its != name]
        assert max(others) < 0.9, name
