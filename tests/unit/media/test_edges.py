"""Edges: white lines where brightness jumps, the same ones that OpenCV draws."""

import cv2
import numpy as np

from ltxserve.media.edges import THRESHOLDS, canny
from ltxserve.media.frames import Pixels


def squares(count: int) -> Pixels:
    """A bright square that moves to the right by 4 pixels for each frame."""
    frames = np.full((count, 64, 96, 3), 40, np.uint8)
    for number in range(count):
        frames[number, 16:48, 32 + 4 * number : 64 + 4 * number] = (200, 180, 90)
    return frames


def test_a_square_has_four_sides():
    frames = squares(1)
    drawn = canny(frames)
    assert drawn.shape == frames.shape
    assert drawn.dtype == np.uint8
    assert set(np.unique(drawn)) == {0, 255}
    rows, columns = np.nonzero(drawn[0, ..., 0])
    found = np.array([rows.min(), rows.max(), columns.min(), columns.max()])
    assert abs(found - [16, 47, 32, 63]).max() <= 1
    assert not drawn[0, 20:44, 36:60].any()


def test_frames_are_drawn_one_by_one_with_the_trainers_thresholds():
    clip = squares(3)
    drawn = canny(clip)
    for frame, edges in zip(clip, drawn, strict=True):
        grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
        assert np.array_equal(edges[..., 1], cv2.Canny(grey, *THRESHOLDS))
    assert not np.array_equal(drawn[0], drawn[2])
    assert not canny(np.zeros((1, 32, 32, 3), np.uint8)).any()
