"""Calibration: what the world's own drawings are known to show must be measured, soft ones too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import islice

import cv2
import numpy as np
import pytest

from benchmarks.tiny_eval.cases import scene_frames, scenes
from benchmarks.tiny_eval.measure import Measured, measure
from benchmarks.tiny_eval.palette import Bytes
from ltxserve.training.tiny.draw import Canvas
from ltxserve.training.tiny.scene import Scene, random_scene

SCENES = 60
FIRST = 8_000_000_000_000
EVERY = 3  # of the 49 frames every third is looked at: quick, and finer than any motion
FPS = 24 / EVERY

Spoil = Callable[[Bytes], Bytes]


def as_drawn(frames: Bytes) -> Bytes:
    return frames


def soft_and_noisy(frames: Bytes) -> Bytes:
    chance = np.random.default_rng(0)
    blurred = np.stack([cv2.GaussianBlur(frame, (0, 0), 1.5) for frame in frames])
    noisy = blurred + chance.normal(0, 6, frames.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)


def wobbly_and_tinted(frames: Bytes) -> Bytes:
    """What weak models do: edges that waver, colours that are off and flicker."""
    chance = np.random.default_rng(1)
    height, width = frames.shape[1:3]
    down, across = np.mgrid[0:height, 0:width].astype(np.float32)
    spoiled = []
    for frame in frames:
        waver = [
            60 * cv2.GaussianBlur(chance.normal(0, 1, (height, width)), (0, 0), 12)
            for _ in range(2)
        ]
        to_x, to_y = (across + waver[0]).astype(np.float32), (down + waver[1]).astype(np.float32)
        moved = cv2.remap(frame, to_x, to_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        tinted = (moved.astype(np.float32) - 128) * 0.87 + 128 + chance.normal(0, 4, 3)
        spoiled.append(np.clip(tinted, 0, 255).astype(np.uint8))
    return np.stack(spoiled)


def drawn(scene: Scene, canvas: Canvas) -> Bytes:
    return scene_frames(scene, canvas, slice(0, None, EVERY))


def rates(first: int, count: int, spoil: Spoil, canvas: Canvas) -> dict[str, float]:
    right: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    for scene in islice(scenes(first), count):
        found = measure(spoil(drawn(scene, canvas)), FPS)
        same = compared(scene, found)
        asked.update(same.keys())
        right.update(name for name, equal in same.items() if equal)
    return {name: right[name] / asked[name] for name in asked}


def compared(scene: Scene, found: Measured) -> dict[str, bool]:
    thing = scene.things[0]
    return {
        "color": found.main.color == thing.color,
        "shape": found.main.shape == thing.shape,
        "motion": found.main.motion == thing.motion,
        "background": found.background == scene.background,
        "camera": found.camera == scene.camera,
        "one object": len(found.objects) == 1,
    }


@pytest.mark.parametrize(
    ("spoil", "count", "bar", "shape_bar"),
    [
        (as_drawn, SCENES, 0.97, 0.93),
        (soft_and_noisy, SCENES, 0.95, 0.9),
        (wobbly_and_tinted, SCENES // 4, 0.93, 0.9),
    ],
)
def test_drawings_are_read_right(spoil: Spoil, count: int, bar: float, shape_bar: float) -> None:
    found = rates(FIRST, count, spoil, Canvas(256, 256, 49))
    bars = {name: shape_bar if name == "shape" else bar for name in found}
    missed = {name: rate for name, rate in found.items() if rate < bars[name]}
    assert not missed, found


@pytest.mark.parametrize(
    "canvas",
    [Canvas(384, 256, 49), Canvas(192, 320, 49), Canvas(512, 512, 25), Canvas(256, 256, 97)],
    ids=["wide", "tall", "large", "long"],
)
def test_other_sizes_and_lengths_are_read_as_well(canvas: Canvas) -> None:
    found = rates(FIRST + 500_000, 8, as_drawn, canvas)
    assert min(found.values()) == 1.0, found


BACKWARDS = {
    "right": "left",
    "left": "right",
    "up": "down",
    "down": "up",
    "growing": "shrinking",
    "shrinking": "growing",
    "dolly_in": "dolly_out",
    "dolly_out": "dolly_in",
    "dolly_left": "dolly_right",
    "dolly_right": "dolly_left",
    "jib_up": "jib_down",
    "jib_down": "jib_up",
}


def test_a_clip_played_backwards_is_measured_backwards() -> None:
    for scene in islice(scenes(FIRST + 700_000), 16):
        found = measure(drawn(scene, Canvas(256, 256, 49))[::-1].copy(), FPS)
        motion = scene.things[0].motion
        assert found.main.motion == BACKWARDS.get(motion, motion), scene
        assert found.camera == BACKWARDS.get(scene.camera, scene.camera), scene


def test_two_objects_are_told_apart() -> None:
    numbers = (FIRST + 900_000 + index for index in range(1000))
    pairs = (scene for scene in map(random_scene, numbers) if len(scene.things) == 2)
    right = 0
    for scene in islice(pairs, 12):
        found = measure(drawn(scene, Canvas(256, 256, 49)), FPS)
        wanted = sorted((thing.color, thing.shape, thing.motion) for thing in scene.things)
        right += wanted == sorted((seen.color, seen.shape, seen.motion) for seen in found.objects)
    assert right >= 11


def test_an_empty_scene_has_no_object() -> None:
    frames = np.full((9, 128, 128, 3), (66, 104, 52), np.uint8)
    found = measure(frames, 24.0)
    assert found.objects == ()
    assert found.main.color == "none"
    assert found.background == "grass"
    assert found.camera == "static"
    assert found.heard is None


def test_pure_noise_is_measured_without_failing() -> None:
    frames = np.random.default_rng(0).integers(0, 256, (9, 96, 96, 3), np.uint8)
    assert measure(frames, 24.0).background
