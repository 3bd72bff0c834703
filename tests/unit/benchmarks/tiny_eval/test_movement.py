"""Motions of courses written down here, without pixels."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.tiny_eval.camera import CameraPath
from benchmarks.tiny_eval.movement import Course, course_of, impacts_of, motion_of
from benchmarks.tiny_eval.segment import Blob, Track

LENGTH = 49
WHEN = np.linspace(0, 1, LENGTH)
FPS = 24.0


def course(x: np.ndarray, y: np.ndarray, size: np.ndarray) -> Course:
    return Course(np.arange(LENGTH, dtype=float), np.stack([x, y], axis=1), size)


NONE = np.zeros(LENGTH)
PERIOD = 0.68
TURN = (np.arange(LENGTH) / FPS / PERIOD + 0.2) % 1
BOUNCE = 0.7 * (0.5 - 4 * TURN * (1 - TURN))


@pytest.mark.parametrize(
    ("made", "name"),
    [
        (course(WHEN, NONE, NONE), "right"),
        (course(-WHEN, NONE, NONE), "left"),
        (course(NONE, WHEN, NONE), "down"),
        (course(NONE, -WHEN, NONE), "up"),
        (course(NONE, NONE, 0.87 * WHEN), "growing"),
        (course(NONE, NONE, -0.87 * WHEN), "shrinking"),
        (course(NONE, BOUNCE, NONE), "bouncing"),
        (course(0.1 * WHEN, 0.1 * WHEN, 0.1 * WHEN), "still"),
        (course(0.7 * WHEN, 0.2 * WHEN, 0.2 * WHEN), "right"),
    ],
)
def test_motions_are_named(made: Course, name: str) -> None:
    assert motion_of(made, LENGTH) == name


def test_an_object_hardly_seen_is_lost() -> None:
    few = Course(np.arange(2.0), np.zeros((2, 2)), np.zeros(2))
    assert motion_of(few, LENGTH) == "lost"


def test_impacts_are_timed_between_frames() -> None:
    expected = [(1 - 0.2) * PERIOD + turn * PERIOD for turn in range(3)]
    expected = [moment for moment in expected if moment < (LENGTH - 1) / FPS]
    assert impacts_of(course(NONE, BOUNCE, NONE), FPS) == pytest.approx(expected, abs=0.02)


def test_an_object_cut_off_by_the_frame_keeps_its_size_and_place() -> None:
    """A square of 40 pixels that goes out of a frame of 100 pixels to the right."""
    blobs = []
    for index in range(9):
        left, right = 30 + 8 * index, min(100, 70 + 8 * index)
        mask = np.zeros((100, 100), bool)
        mask[30:70, left:right] = True
        center = ((left + right) / 2, 50.0)
        blobs.append(Blob(index, mask, (left, 30, right, 70), int(mask.sum()), center))
    path = CameraPath(np.ones(9), np.zeros((9, 2)))
    found = course_of(Track(tuple(blobs)), path)
    assert found.places[:, 0] == pytest.approx(8 * np.arange(9) / 50, abs=0.02)
    assert np.ptp(found.sizes) < 0.02
    assert motion_of(found, 9) == "right"
