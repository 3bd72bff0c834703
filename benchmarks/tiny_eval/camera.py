"""Reads the camera's move from how the background shifts and swells; knows nothing of objects.

The flow of all background pixels is fitted at once (Lucas-Kanade with zoom and pan as the only
unknowns), so that textures of parallel waves, where single pixels cannot tell, still can.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from benchmarks.tiny_eval.palette import Bytes, Floats
from benchmarks.tiny_eval.segment import Mask

SIDE = 128  # pixels of the shorter side at which the flow is measured
BLURS = (4.0, 1.5)  # coarse to fine
ROUNDS = 6
WHOLE_ZOOM = 0.46  # log magnification of a full dolly in or out
WHOLE_PAN = 0.58  # path of a full sideways or upward move, in half the shorter side
MOVED = 0.33  # share of a whole move that counts as one


@dataclass(frozen=True)
class CameraPath:
    """Where world points are seen in each frame: place = zoom * point + shift.

    Places are in half the shorter side from the middle of the frame; zoom (n,), shift (n, 2).
    """

    zoom: Floats
    shift: Floats

    @property
    def log_zoom(self) -> float:
        """Natural logarithm of last over first magnification."""
        return float(np.log(self.zoom[-1] / self.zoom[0]))

    @property
    def pan(self) -> tuple[float, float]:
        """Path of the camera to the right and down, in units of the middle frame."""
        middle = self.zoom[len(self.zoom) // 2]
        move = -(self.shift[-1] / self.zoom[-1] - self.shift[0] / self.zoom[0]) * middle
        return float(move[0]), float(move[1])

    def to_world(self, frame: int, place: tuple[float, float]) -> tuple[float, float]:
        """The world point seen at a place of a frame, in units of the middle frame."""
        middle = self.zoom[len(self.zoom) // 2]
        x, y = (np.array(place) - self.shift[frame]) / self.zoom[frame] * middle
        return float(x), float(y)


def _levels(frame: Bytes) -> list[Floats]:
    height, width = frame.shape[:2]
    scale = SIDE / min(height, width)
    size = (round(width * scale), round(height * scale))
    small = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
    gray = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)).astype(np.float32)
    return [np.asarray(cv2.GaussianBlur(gray, (0, 0), blur), np.float32) for blur in BLURS]


def _shrunk(mask: Mask, shape: tuple[int, int]) -> Mask:
    """Background pixels at flow size, clear of the objects and what their blur reaches."""
    small = cv2.resize(mask.astype(np.uint8), shape[::-1], interpolation=cv2.INTER_AREA)
    grown = cv2.dilate(small, np.ones((9, 9), np.uint8))
    return np.asarray(grown) == 0


def _step(first: list[Floats], second: list[Floats], keep: Mask) -> Floats:
    """Zoom and shift (x, y) that carry the first frame's background to the second's."""
    height, width = keep.shape
    half = min(height, width) / 2
    down, across = np.mgrid[0:height, 0:width].astype(np.float32)
    x, y = (across + 0.5 - width / 2) / half, (down + 0.5 - height / 2) / half
    found = np.zeros(3)
    for one, two in zip(first, second, strict=True):
        for _ in range(ROUNDS):
            to_x = ((x * (1 + found[0]) + found[1]) * half + width / 2 - 0.5).astype(np.float32)
            to_y = ((y * (1 + found[0]) + found[2]) * half + height / 2 - 0.5).astype(np.float32)
            warped = np.asarray(cv2.remap(two, to_x, to_y, cv2.INTER_LINEAR), np.float32)
            inside = (to_x >= 0) & (to_x <= width - 1) & (to_y >= 0) & (to_y <= height - 1)
            update = _solve(one, warped, keep & inside, (x, y))
            found = found + update
            if np.abs(update).max() < 1e-4:
                break
    return found.astype(np.float32)


def _solve(one: Floats, warped: Floats, keep: Mask, grid: tuple[Floats, Floats]) -> Floats:
    """One robust least-squares update of zoom and shift from brightness differences."""
    if keep.sum() < 200:
        return np.zeros(3, np.float32)
    half = min(one.shape) / 2
    slope_x = np.asarray(cv2.Sobel(warped, cv2.CV_32F, 1, 0, scale=0.125))[keep] * half
    slope_y = np.asarray(cv2.Sobel(warped, cv2.CV_32F, 0, 1, scale=0.125))[keep] * half
    error = (one - warped)[keep]
    error = error - np.median(error)  # a flicker of the whole frame is no motion
    spread = 1.5 * float(np.median(np.abs(error))) + 0.5
    weight = 1.0 / (1.0 + (error / spread) ** 2)
    rows = np.stack([grid[0][keep] * slope_x + grid[1][keep] * slope_y, slope_x, slope_y])
    normal = (rows * weight) @ rows.T + 1e-3 * len(error) * np.eye(3)
    return np.linalg.solve(normal, (rows * weight) @ error).astype(np.float32)


def follow_camera(frames: Bytes, foreground: Mask) -> CameraPath:
    """The camera's path through frames (n, h, w, 3), looking past the foreground (n, h, w)."""
    levels = [_levels(frame) for frame in frames]
    keeps = [_shrunk(mask, levels[0][0].shape[:2]) for mask in foreground]
    zoom, shift = [1.0], [np.zeros(2)]
    for index in range(1, len(frames)):
        keep = keeps[index - 1] & keeps[index]
        swell, *move = _step(levels[index - 1], levels[index], keep)
        zoom.append(zoom[-1] * (1 + swell))
        shift.append(shift[-1] * (1 + swell) + np.array(move))
    return CameraPath(np.array(zoom, np.float32), np.array(shift, np.float32))


def camera_of(path: CameraPath) -> str:
    """The camera's move by name: the largest of zoom, sideways and upward move, or static."""
    right, down = path.pan
    moves = {
        "dolly_in": path.log_zoom / WHOLE_ZOOM,
        "dolly_out": -path.log_zoom / WHOLE_ZOOM,
        "dolly_right": right / WHOLE_PAN,
        "dolly_left": -right / WHOLE_PAN,
        "jib_down": down / WHOLE_PAN,
        "jib_up": -down / WHOLE_PAN,
    }
    name = max(moves, key=lambda move: moves[move])
    return name if moves[name] > MOVED else "static"
