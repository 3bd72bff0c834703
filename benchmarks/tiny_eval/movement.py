"""Names an object's motion relative to the background, from its track and the camera's path."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.tiny_eval.camera import CameraPath
from benchmarks.tiny_eval.palette import Floats
from benchmarks.tiny_eval.segment import Mask, Track

WHOLE_TRAVEL = 1.0  # path of a moving object through a clip, in half the shorter side
WHOLE_GROWTH = 0.87  # log of last over first size of a growing object
MOVED = 0.3  # share of a whole motion that counts as one
SWING = 0.085  # standard deviation of the height that makes a bounce, in half the shorter side


@dataclass(frozen=True)
class Course:
    """An object's way through the world: frame indices (n,), places (n, 2), log of size (n,).

    Places are in half the shorter side, y down, in units of the middle frame.
    """

    frames: Floats
    places: Floats
    sizes: Floats


def _extents(track: Track) -> tuple[Floats, Floats]:
    """Width and height of the whole object in each frame, where the frame's edge cuts it too."""
    boxes = np.array([blob.box for blob in track.blobs], np.float32)
    cut = np.array([blob.clipped for blob in track.blobs])
    wide, tall = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    wide_known, tall_known = ~(cut[:, 0] | cut[:, 2]), ~(cut[:, 1] | cut[:, 3])
    both = wide_known & tall_known
    build = float(np.median(wide[both] / tall[both])) if both.any() else 1.0
    size = np.where(wide_known & tall_known, np.sqrt(wide * tall / build), 0.0)
    size = np.where(tall_known & ~wide_known, tall, size)
    size = np.where(wide_known & ~tall_known, wide / build, size)
    known = wide_known | tall_known
    index = np.arange(len(size))
    if known.any():
        size = np.where(known, size, np.interp(index, index[known], size[known]))
        size = np.where(known, size, np.maximum(size, np.maximum(tall, wide / build)))
    else:
        size = np.maximum(tall, wide / build)
    return (size * build).astype(np.float32), size.astype(np.float32)


def _middles(low: Floats, high: Floats, cut: tuple[Mask, Mask], extent: Floats) -> Floats:
    """Middle between two edges, from the one that is seen where the other is cut off."""
    cut_low, cut_high = cut
    middle = (low + high) / 2
    middle = np.where(cut_low & ~cut_high, high - extent / 2, middle)
    return np.where(cut_high & ~cut_low, low + extent / 2, middle)


def course_of(track: Track, path: CameraPath) -> Course:
    """An object's places and sizes with the camera's move taken out."""
    boxes = np.array([blob.box for blob in track.blobs], np.float32)
    cut = np.array([blob.clipped for blob in track.blobs])
    wide, tall = _extents(track)
    height, width = track.blobs[0].mask.shape
    half = min(height, width) / 2
    x = (_middles(boxes[:, 0], boxes[:, 2], (cut[:, 0], cut[:, 2]), wide) - width / 2) / half
    y = (_middles(boxes[:, 1], boxes[:, 3], (cut[:, 1], cut[:, 3]), tall) - height / 2) / half
    frames = [blob.frame for blob in track.blobs]
    places = [path.to_world(*item) for item in zip(frames, zip(x, y, strict=True), strict=True)]
    sizes = np.log(tall / half) - np.log(path.zoom[frames])
    return Course(
        np.array(frames, np.float32), np.array(places, np.float32), sizes.astype(np.float32)
    )


def _trend(frames: Floats, values: Floats, length: int) -> tuple[float, Floats]:
    """Change over the whole clip along the best straight line, and what is left beside it."""
    slope, start = np.polyfit(frames, values, 1)
    return float(slope * (length - 1)), values - (slope * frames + start)


def motion_of(course: Course, length: int) -> str:
    """The motion by name; `length` = frames of the clip; "lost" if the object was hardly seen."""
    if len(course.frames) < 3:
        return "lost"
    right, _ = _trend(course.frames, course.places[:, 0], length)
    down, swing = _trend(course.frames, course.places[:, 1], length)
    growth, _ = _trend(course.frames, course.sizes, length)
    if swing.std() > SWING and _turns(course.places[:, 1]) >= 2:
        return "bouncing"
    moves = {
        "right": right / WHOLE_TRAVEL,
        "left": -right / WHOLE_TRAVEL,
        "down": down / WHOLE_TRAVEL,
        "up": -down / WHOLE_TRAVEL,
        "growing": growth / WHOLE_GROWTH,
        "shrinking": -growth / WHOLE_GROWTH,
    }
    name = max(moves, key=lambda move: moves[move])
    return name if moves[name] > MOVED else "still"


def _turns(heights: Floats) -> int:
    """How often the way up and down turns round, wiggles of less than a SWING not counted."""
    turns, way, extreme = 0, 0, float(heights[0])
    for height in heights:
        if way >= 0 and height < extreme - SWING:
            turns, way, extreme = turns + (way > 0), -1, float(height)
        elif way <= 0 and height > extreme + SWING:
            turns, way, extreme = turns + (way < 0), 1, float(height)
        elif (height - extreme) * way > 0:
            extreme = float(height)
    return turns


def impacts_of(course: Course, fps: float) -> tuple[float, ...]:
    """Seconds at which a bouncing object is lowest, between frames by a parabola."""
    heights = course.places[:, 1]
    middle = (heights.max() + heights.min()) / 2
    times = []
    for index in range(1, len(heights) - 1):
        before, here, after = (float(height) for height in heights[index - 1 : index + 2])
        if here > middle and here > before and here >= after:
            bend = before - 2 * here + after
            between = 0.5 * (before - after) / bend if bend else 0.0
            times.append((float(course.frames[index]) + between) / fps)
    return tuple(times)
