"""Names the colour and the shape of an object from its pixels and its outline; knows no motion."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np

from benchmarks.tiny_eval.palette import Bytes, Floats, nearest_color, to_lab
from benchmarks.tiny_eval.segment import Blob, Mask, Track

LOOKS = 9  # frames that are asked for colour and shape
STENCIL = 64  # pixels of the square in which outlines are compared
FILL = 0.16  # share of the stencil that an outline is scaled to cover


def _spread(track: Track) -> list[Blob]:
    """Blobs to look at: those wholly in the frame if there are any, spread over the clip."""
    whole = [blob for blob in track.blobs if not any(blob.clipped)]
    blobs = whole or [max(track.blobs, key=lambda blob: blob.area)]
    picks = np.linspace(0, len(blobs) - 1, min(LOOKS, len(blobs))).round().astype(int)
    return [blobs[index] for index in picks]


def color_of(track: Track, frames: Bytes) -> str:
    """The named colour nearest to the median of the object's inside."""
    medians = [_inside(blob, to_lab(frames[blob.frame])) for blob in _spread(track)]
    return nearest_color(np.median(np.stack(medians), axis=0))


def _inside(blob: Blob, lab: Floats) -> Floats:
    """Median colour of the inner half that is least like what is around the object."""
    mask = blob.mask.astype(np.uint8)
    depth = cv2.distanceTransform(mask, cv2.DIST_L2, 5)
    inner = lab[depth > 0.5 * depth.max()]  # clear of the darker edge, however thin the object
    ring = cv2.dilate(mask, np.ones((15, 15), np.uint8)) > cv2.dilate(mask, np.ones((5, 5)))
    if not ring.any():
        return np.median(inner, axis=0)
    unlike = np.linalg.norm(inner - np.median(lab[ring], axis=0), axis=1)
    return np.median(inner[unlike >= np.median(unlike)], axis=0)


def _star() -> Floats:
    turns = -np.pi / 2 + np.arange(10) * np.pi / 5
    radius = np.where(np.arange(10) % 2 == 0, 1.0, 0.42)
    return np.stack([radius * np.cos(turns), radius * np.sin(turns)], 1).astype(np.float32)


def _cross(arm: float) -> Floats:
    corner = [(arm, 1), (arm, arm), (1, arm)]
    quarters = [
        [(x, y) for x, y in corner],
        [(x, -y) for x, y in reversed(corner)],
        [(-x, -y) for x, y in corner],
        [(-x, y) for x, y in reversed(corner)],
    ]
    return np.array([point for quarter in quarters for point in quarter], np.float32)


@cache
def stencils() -> tuple[tuple[str, Floats], ...]:
    """The shapes as this module draws them, upright, some in more than one build: (name, cover)."""
    turns = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    outlines = [
        ("circle", np.stack([np.cos(turns), np.sin(turns)], 1)),
        ("square", np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])),
        ("triangle", np.array([(0, -1), (0.87, 0.5), (-0.87, 0.5)])),
        ("triangle", np.array([(0, -1), (1, 1), (-1, 1)])),
        ("star", _star()),
        ("star", _star() * (1.0, 1.1)),
        ("diamond", np.array([(0, -1), (1, 0), (0, 1), (-1, 0)])),
        ("diamond", np.array([(0, -1), (0.72, 0), (0, 1), (-0.72, 0)])),
        ("cross", _cross(0.34)),
        ("cross", _cross(0.26)),
    ]
    drawn = []
    for name, points in outlines:
        big = np.zeros((512, 512), np.uint8)
        cv2.fillPoly(big, [np.round(points * 200 + 256).astype(np.int32)], 255)
        drawn.append((name, normalised(big > 0)))
    return tuple(drawn)


def normalised(mask: Mask) -> Floats:
    """A mask moved to the middle and scaled to a fixed area: cover 0..1, (STENCIL, STENCIL)."""
    moments = cv2.moments(mask.astype(np.uint8), binaryImage=True)
    area = moments["m00"]
    scale = float(np.sqrt(FILL * STENCIL * STENCIL / area))
    middle_x, middle_y = moments["m10"] / area, moments["m01"] / area
    half = (STENCIL - 1) / 2
    matrix = np.array([[scale, 0, half - scale * middle_x], [0, scale, half - scale * middle_y]])
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), max(0.3, 0.4 / scale))
    moved = cv2.warpAffine(soft, matrix, (STENCIL, STENCIL), flags=cv2.INTER_LINEAR)
    return np.asarray(moved, np.float32)


def overlap(cover: Floats, other: Floats) -> float:
    """Shared over joint area of two covers, 0 to 1."""
    return float(np.minimum(cover, other).sum() / np.maximum(cover, other).sum())


def shape_scores(track: Track) -> dict[str, float]:
    """How well the object's outline fits each shape, mean overlap over the clip, 0 to 1."""
    totals: dict[str, float] = {}
    blobs = _spread(track)
    for blob in blobs:
        cover = normalised(blob.mask)
        best: dict[str, float] = {}
        for name, stencil in stencils():
            best[name] = max(best.get(name, 0.0), overlap(cover, stencil))
        for name, score in best.items():
            totals[name] = totals.get(name, 0.0) + score / len(blobs)
    return totals


def shape_of(track: Track) -> str:
    """The shape whose outline fits best."""
    scores = shape_scores(track)
    return max(scores, key=lambda name: scores[name])
