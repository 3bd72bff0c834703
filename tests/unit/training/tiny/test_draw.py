"""Drawn clips, measured: shapes, places, movements, cameras, sizes."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
import pytest
import torch
from torch.nn.functional import avg_pool2d

from ltxserve.training.tiny.draw import BOUNCE_SECONDS, GROWTH, ZOOM, Canvas, camera_path, draw
from ltxserve.training.tiny.scene import DIRECTIONS, random_scene
from ltxserve.training.tiny.words import world
from tests.unit.training.tiny.scenes import CANVAS, centers, covered, pixels, scene, thing

STILL = Canvas(256, 256, 1)
# Areas and centroids (downwards) by geometry, in units of the radius.
SHAPES = {
    "circle": (math.pi * 0.95**2, 0.0),
    "square": (1.64**2, 0.0),
    "triangle": (3 * math.sqrt(3) * 0.62**2, 0.12),
    "star": (5 * 1.15 * 0.5 * math.sin(math.pi / 5), 0.0),
    "diamond": (2 * 0.87**2 / (1.125 * 0.81), 0.0),
    "cross": (2 * 2 * 0.68 - 0.68**2, 0.0),
}


def same(one: torch.Tensor, two: torch.Tensor) -> bool:
    """Equal to a hundredth of a grey level: vector and scalar code of one function may differ."""
    return torch.allclose(one, two, rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", list(SHAPES))
def test_shapes_have_their_area_and_lie_where_they_are_told(name: str) -> None:
    area, below = SHAPES[name]
    mask = covered(scene(thing(shape=name, radius=0.5, x=0.3, y=-0.2)), STILL)
    assert mask.sum() / STILL.unit**2 == pytest.approx(area * 0.5**2, rel=0.03)
    assert centers(mask, STILL)[0] == pytest.approx([0.3, -0.2 + below * 0.5], abs=0.015)


@pytest.mark.parametrize(
    ("name", "corners"),
    [("square", 4), ("triangle", 3), ("star", 10), ("diamond", 4), ("cross", 12)],
)
def test_shapes_have_their_corners(name: str, corners: int) -> None:
    mask = covered(scene(thing(shape=name, radius=0.7)), STILL)[0].astype(np.uint8)
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    assert len(outlines) == 1
    assert (
        len(cv2.approxPolyDP(outlines[0], 0.02 * cv2.arcLength(outlines[0], True), True)) == corners
    )


def test_every_shape_of_the_world_can_be_drawn() -> None:
    assert set(SHAPES) == set(world().shapes)


@pytest.mark.parametrize("name", list(world().colors))
def test_things_have_their_color_inside_and_a_darker_rim(name: str) -> None:
    frame = pixels(scene(thing(color=name, radius=0.5)), STILL)[0]
    color = np.array(world().colors[name].rgb)
    assert np.abs(frame[128, 128].astype(int) - color).max() <= 1
    edge = 128 + round(0.5 * 0.95 * STILL.unit) - 2
    assert frame[128, edge].sum() == pytest.approx(0.45 * color.sum(), rel=0.1, abs=3)


@pytest.mark.parametrize("name", list(world().backgrounds))
def test_backdrops_are_textured_around_their_color(name: str) -> None:
    frame = pixels(scene(background=name), STILL)[0].astype(float)
    ground = world().backgrounds[name]
    assert np.abs(frame.mean((0, 1)) - ground.rgb).max() < 0.5 * max(ground.tint)
    assert frame.std((0, 1)).max() > 0.3 * max(ground.tint), "texture shows the camera's moves"
    assert (np.abs(frame - ground.rgb) <= np.array(ground.tint) + 1).all()


@pytest.mark.parametrize("name", list(DIRECTIONS))
def test_moving_things_cover_their_travel_evenly(name: str) -> None:
    found = centers(covered(scene(thing(motion=name, travel=1.0))))
    way = np.array(DIRECTIONS[name])
    assert found[-1] - found[0] == pytest.approx(way * 1.0, abs=0.02)
    assert found[8] == pytest.approx([0, 0], abs=0.02)
    steps = np.diff(found @ way)
    assert steps == pytest.approx(np.full(16, 1 / 16), abs=0.01)


def test_still_things_stay() -> None:
    frames = pixels(scene(thing()))
    assert (frames == frames[0]).all()


@pytest.mark.parametrize(("name", "factor"), [("growing", GROWTH), ("shrinking", 1 / GROWTH)])
def test_growing_things_grow_in_place(name: str, factor: float) -> None:
    mask = covered(scene(thing(motion=name, x=0.2)), Canvas(256, 256, 9))
    area = mask.sum((1, 2))
    assert area[-1] / area[0] == pytest.approx(factor**2, rel=0.05)
    assert (np.sign(np.diff(area)) == np.sign(factor - 1)).all()
    assert np.ptp(centers(mask, STILL), axis=0).max() < 0.02


@pytest.mark.parametrize("fps", [12.0, 24.0, 48.0])
def test_bounces_take_their_time_at_any_frame_rate(fps: float) -> None:
    canvas = Canvas(128, 128, round(2 * fps) + 1, fps)
    height = -centers(covered(scene(thing(motion="bouncing", phase=0.5)), canvas))[:, 1]
    inner = height[1:-1]
    low = 1 + np.flatnonzero((inner < height[:-2]) & (inner <= height[2:]))
    assert np.diff(low) / fps == pytest.approx(BOUNCE_SECONDS, abs=1.01 / fps)
    assert np.ptp(height) == pytest.approx(0.75, abs=0.1 if fps < 20 else 0.05)


@pytest.mark.parametrize("name", list(SHAPES))
def test_things_are_cut_at_the_edge_of_the_frame(name: str) -> None:
    shown = scene(thing(shape=name, motion="right", x=0.8, y=0.9, radius=0.4))
    seen = draw(shown, Canvas(128, 128, 5))
    assert same(seen, draw(shown, Canvas(256, 128, 5))[..., 64:192])
    assert same(seen, draw(shown, Canvas(128, 256, 5))[..., 64:192, :])


def shifts(frames: np.ndarray) -> np.ndarray:
    """Shift of the picture from frame to frame by phase correlation: (frames - 1, 2) pixels."""
    gray = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32) for frame in frames]
    hann = cv2.createHanningWindow(gray[0].shape[::-1], cv2.CV_32F)
    return np.array([cv2.phaseCorrelate(a, b, hann)[0] for a, b in pairwise(gray)])


@pytest.mark.parametrize("ground", ["grass", "water", "brick"])
@pytest.mark.parametrize(
    ("camera", "way"),
    [
        ("static", (0, 0)),
        ("dolly_left", (1, 0)),
        ("dolly_right", (-1, 0)),
        ("jib_up", (0, 1)),
        ("jib_down", (0, -1)),
    ],
)
def test_the_picture_moves_against_the_camera(
    camera: str, way: tuple[int, int], ground: str
) -> None:
    canvas = Canvas(256, 256, 17)
    found = shifts(pixels(scene(camera=camera, camera_travel=0.6, background=ground), canvas))
    total = found.sum(0) / canvas.unit
    assert total == pytest.approx(0.6 * np.array(way), abs=0.05)


def magnification(one: np.ndarray, two: np.ndarray) -> float:
    """How much larger the second frame shows the same backdrop, by image alignment."""
    grays = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in (one, two)]
    stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 200, 1e-6)
    start = np.eye(2, 3, dtype=np.float32)
    _, found = cv2.findTransformECC(grays[0], grays[1], start, cv2.MOTION_AFFINE, stop)
    return float(np.sqrt(np.linalg.det(found[:, :2])))


@pytest.mark.parametrize(("camera", "factor"), [("dolly_in", ZOOM), ("dolly_out", 1 / ZOOM)])
def test_dollies_magnify(camera: str, factor: float) -> None:
    frames = pixels(scene(camera=camera, camera_travel=0.6), Canvas(256, 256, 9))
    steps = [magnification(a, b) for a, b in pairwise(frames)]
    assert math.prod(steps) == pytest.approx(factor, rel=0.03)


def test_things_are_filmed_by_the_same_camera() -> None:
    still = thing(x=0.3)
    for camera in ("dolly_in", "dolly_left", "jib_up"):
        shown = scene(still, camera=camera)
        zoom, pan_x, pan_y = camera_path(shown, CANVAS.fractions())
        places = torch.stack([(0.3 - pan_x) * zoom, -pan_y * zoom], 1).numpy()
        assert centers(covered(shown)) == pytest.approx(places, abs=0.02), camera


@pytest.mark.parametrize("seed", [3, 12, 31])
def test_a_scene_looks_the_same_at_any_size(seed: int) -> None:
    shown = random_scene(seed)
    small = draw(shown, Canvas(128, 128, 5))
    large = avg_pool2d(draw(shown, Canvas(256, 256, 5)), 2)
    assert (small - large).abs().mean() < 0.001
    assert (small - large).abs().amax() < 0.4, "edges differ by the softness of a pixel"


def test_wide_and_tall_frames_show_more_of_the_same_scene() -> None:
    shown = random_scene(3)
    square = draw(shown, Canvas(128, 128, 3))
    assert same(draw(shown, Canvas(192, 128, 3))[..., 32:160], square)
    assert same(draw(shown, Canvas(128, 192, 3))[..., 32:160, :], square)


def test_lengths_show_the_same_event() -> None:
    shown = scene(thing(motion="left"), camera="jib_up")
    short, long = draw(shown, Canvas(96, 96, 9)), draw(shown, Canvas(96, 96, 17))
    assert same(short, long[::2])


@pytest.mark.parametrize("part", [slice(0, 1), slice(4, 9), slice(16, 17), slice(None, None, 4)])
@pytest.mark.parametrize("seed", [0, 8])
def test_a_part_is_that_part_of_the_whole(seed: int, part: slice) -> None:
    shown = random_scene(seed)
    assert same(draw(shown, CANVAS, part=part), draw(shown, CANVAS)[part])


def test_of_two_things_the_second_is_in_front() -> None:
    back, front = thing(color="red", radius=0.5), thing(color="blue", shape="square", radius=0.2)
    frame = pixels(scene(back, front), STILL)[0].astype(int)
    assert np.abs(frame[128, 128] - world().colors["blue"].rgb).max() <= 1
    assert np.abs(frame[128, 128 - 45] - world().colors["red"].rgb).max() <= 1


def test_two_things_are_drawn_apart() -> None:
    left, right = thing(x=-0.5), thing(x=0.5, shape="star", color="blue")
    mask = covered(scene(left, right), STILL)[0].astype(np.uint8)
    count, _, boxes, middles = cv2.connectedComponentsWithStats(mask)
    assert count == 3, "backdrop and two things"
    assert sorted(middles[1:, 0] / 128 - 1) == pytest.approx([-0.5, 0.5], abs=0.02)
    assert sorted(boxes[1:, cv2.CC_STAT_AREA])[0] > 500


def test_frames_are_float_pixels_in_range() -> None:
    canvas = Canvas(96, 64, 9)
    for seed in range(4):
        frames = draw(random_scene(seed), canvas)
        assert frames.shape == (9, 3, 64, 96)
        assert frames.dtype == torch.float32
        assert frames.min() >= -1
        assert frames.max() <= 1


def test_one_frame_shows_the_scenes_start() -> None:
    shown = replace(random_scene(3), camera="dolly_in")
    assert same(draw(shown, Canvas(64, 64, 1)), draw(shown, Canvas(64, 64, 9))[:1])


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_a_scene_looks_the_same_on_any_device() -> None:
    for seed in range(8):
        shown = random_scene(seed)
        here, there = draw(shown, CANVAS), draw(shown, CANVAS, "cuda").cpu()
        assert (here - there).abs().mean() < 1e-4
