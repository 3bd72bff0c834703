"""The camera's path over textures that are moved here by OpenCV."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from benchmarks.tiny_eval.camera import camera_of, follow_camera
from benchmarks.tiny_eval.palette import Bytes

FRAMES = 13
SIDE = 192


def texture(waves: bool) -> Bytes:
    """A picture larger than the frame: parallel waves, or blotches."""
    chance = np.random.default_rng(5)
    down, across = np.mgrid[0 : 3 * SIDE, 0 : 3 * SIDE] / SIDE
    blotches = cv2.GaussianBlur(chance.normal(0, 1, down.shape), (0, 0), 9)
    pattern = np.sin(9 * across + 22 * down) + 0.4 * np.sin(14 * across - 5 * down)
    gray = 120 + (25 * pattern if waves else 40 * blotches / blotches.std())
    return np.repeat(np.clip(gray, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def moved(zoom: float, pan: tuple[float, float], waves: bool) -> Bytes:
    """A clip whose magnification ends `zoom` times the first; pan in frame widths."""
    ground, frames = texture(waves), []
    for when in np.linspace(0, 1, FRAMES):
        scale = zoom**when
        x, y = (1.5 + pan[0] * when) * SIDE, (1.5 + pan[1] * when) * SIDE
        matrix = np.array([[scale, 0, SIDE / 2 - scale * x], [0, scale, SIDE / 2 - scale * y]])
        frames.append(cv2.warpAffine(ground, matrix, (SIDE, SIDE)))
    return np.stack(frames)


@pytest.mark.parametrize("waves", [True, False])
@pytest.mark.parametrize(
    ("zoom", "pan", "name"),
    [
        (1.0, (0, 0), "static"),
        (1.65, (0, 0), "dolly_in"),
        (1 / 1.65, (0, 0), "dolly_out"),
        (1.0, (0.28, 0), "dolly_right"),
        (1.0, (-0.28, 0), "dolly_left"),
        (1.0, (0, 0.28), "jib_down"),
        (1.0, (0, -0.28), "jib_up"),
    ],
)
def test_moves_are_named_and_measured(
    zoom: float, pan: tuple[float, float], name: str, waves: bool
) -> None:
    path = follow_camera(moved(zoom, pan, waves), np.zeros((FRAMES, SIDE, SIDE), bool))
    assert camera_of(path) == name
    assert path.log_zoom == pytest.approx(np.log(zoom), abs=0.04)
    assert path.pan == pytest.approx((2 * pan[0], 2 * pan[1]), abs=0.05)


def test_a_moving_object_is_looked_past() -> None:
    frames = moved(1.0, (0, 0), waves=False)
    foreground = np.zeros(frames.shape[:3], bool)
    for index, frame in enumerate(frames):
        left = 20 + 8 * index
        frame[50:140, left : left + 60] = 250
        foreground[index, 50:140, left : left + 60] = True
    assert camera_of(follow_camera(frames, foreground)) == "static"


def test_places_are_carried_back_to_the_world() -> None:
    path = follow_camera(moved(1.0, (0.25, 0), False), np.zeros((FRAMES, SIDE, SIDE), bool))
    x, y = path.to_world(FRAMES - 1, (-0.5, 0.1))
    assert (x, y) == pytest.approx((0.0, 0.1), abs=0.03)
