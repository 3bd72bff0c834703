"""One call that measures a whole clip: what is seen, how it moves, what is heard."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from benchmarks.tiny_eval.appearance import color_of, shape_of
from benchmarks.tiny_eval.camera import CameraPath, camera_of, follow_camera
from benchmarks.tiny_eval.hearing import Heard, Sound, listen
from benchmarks.tiny_eval.movement import course_of, impacts_of, motion_of
from benchmarks.tiny_eval.palette import Bytes
from benchmarks.tiny_eval.segment import Track, segment

SIDE = 256  # pixels of the shorter side at which clips are looked at
STEPS_PER_CLIP = 16  # at least so many intervals of frames are compared for the camera's move


@dataclass(frozen=True)
class Seen:
    """One object: names of its colour, shape and motion; impacts in seconds where it bounces."""

    color: str
    shape: str
    motion: str
    impacts: tuple[float, ...]


@dataclass(frozen=True)
class Measured:
    """What a clip shows; `objects` by size, empty if none was found; `heard` None without sound."""

    background: str
    camera: str
    objects: tuple[Seen, ...]
    heard: Heard | None

    @property
    def main(self) -> Seen:
        """The largest object, or one called "none" where there is none."""
        return self.objects[0] if self.objects else Seen("none", "none", "none", ())


def _sized(frames: Bytes) -> Bytes:
    height, width = frames.shape[1:3]
    if min(height, width) <= SIDE:
        return frames
    scale = SIDE / min(height, width)
    size = (round(width * scale), round(height * scale))
    return np.stack([cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in frames])


def _whole_path(frames: Bytes, foreground: np.ndarray) -> CameraPath:
    """The camera's path at every frame, measured at some and interpolated between."""
    length = len(frames)
    count = min(length, STEPS_PER_CLIP + 1)
    picks = np.unique(np.linspace(0, length - 1, count).round().astype(int))
    path = follow_camera(frames[picks], foreground[picks])
    every = np.arange(length)
    zoom = np.exp(np.interp(every, picks, np.log(path.zoom)))
    shift = np.stack([np.interp(every, picks, path.shift[:, axis]) for axis in (0, 1)], axis=1)
    return CameraPath(zoom.astype(np.float32), shift.astype(np.float32))


def _seen(track: Track, frames: Bytes, path: CameraPath, fps: float) -> Seen:
    course = course_of(track, path)
    motion = motion_of(course, len(frames))
    impacts = impacts_of(course, fps) if motion == "bouncing" else ()
    return Seen(color_of(track, frames), shape_of(track), motion, impacts)


def measure(frames: Bytes, fps: float, sound: Sound | None = None) -> Measured:
    """What a clip shows: frames uint8 (n, h, w, 3), at least 3 of them; sound if there is one."""
    small = _sized(frames)
    parts = segment(small)
    path = _whole_path(small, parts.foreground)
    return Measured(
        background=parts.background,
        camera=camera_of(path),
        objects=tuple(_seen(track, small, path, fps) for track in parts.tracks),
        heard=listen(sound) if sound is not None else None,
    )
