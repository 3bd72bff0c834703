"""Objects found where they were painted, soft edges cut where the object ends."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from benchmarks.tiny_eval.palette import Bytes
from benchmarks.tiny_eval.segment import segment
from ltxserve.training.tiny.words import world

SIDE, LEFT, RADIUS = 160, 50, 22


def clip(color: str, background: str, blur: float = 0.0) -> Bytes:
    """A disc that goes right by 8 pixels a frame over a plain background."""
    frames = []
    for index in range(7):
        frame = np.full((SIDE, SIDE, 3), world().backgrounds[background].rgb, np.uint8)
        cv2.circle(frame, (LEFT + 8 * index, 80), RADIUS, world().colors[color].rgb, cv2.FILLED)
        frames.append(cv2.GaussianBlur(frame, (0, 0), blur) if blur else frame)
    return np.stack(frames)


@pytest.mark.parametrize("blur", [0.0, 2.0, 5.0])
@pytest.mark.parametrize(
    ("color", "background"), [("red", "grass"), ("blue", "night"), ("white", "stone")]
)
def test_an_object_is_found_at_its_place_and_size(color: str, background: str, blur: float) -> None:
    found = segment(clip(color, background, blur))
    assert found.background == background
    assert len(found.tracks) == 1
    assert [blob.frame for blob in found.tracks[0].blobs] == list(range(7))
    for index, blob in enumerate(found.tracks[0].blobs):
        assert blob.center == pytest.approx((LEFT + 8 * index, 80), abs=1.5)
        assert np.sqrt(blob.area / np.pi) == pytest.approx(RADIUS, abs=0.16 * RADIUS)


@pytest.mark.parametrize("background", list(world().backgrounds))
def test_backgrounds_are_named_when_they_are_darker_than_they_should_be(background: str) -> None:
    frames = clip("orange", background)
    darker = (frames * 0.88).astype(np.uint8)
    assert segment(darker).background == background


def test_objects_that_touch_are_kept_apart_by_colour() -> None:
    frames = clip("red", "sand")
    for frame in frames:
        cv2.rectangle(frame, (60, 100), (110, 140), world().colors["blue"].rgb, cv2.FILLED)
    assert len(segment(frames).tracks) == 2


def test_an_object_that_comes_late_is_no_object_of_the_clip() -> None:
    frames = clip("red", "sand")
    frames[:5] = world().backgrounds["sand"].rgb
    assert segment(frames).tracks == ()
