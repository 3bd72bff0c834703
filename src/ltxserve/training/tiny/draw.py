"""Draws a scene as frames, on any torch device, any size and length.

Lengths are in half the shorter frame side, time in fractions of the clip (in seconds only where
things bounce). It knows no words and no models.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ltxserve.training.tiny.scene import DIRECTIONS, Scene, Thing
from ltxserve.training.tiny.words import world

BOUNCE_SECONDS = 0.68  # from one impact to the next
BOUNCE_HEIGHT = 0.75
GROWTH = 2.4  # last radius over first
ZOOM = 1.65  # last over first magnification of a dolly at camera_travel 0.6
RIM = 0.03  # width of the darker edge that keeps a thing apart from a backdrop of its own colour
RIM_SHADE = 0.45


@dataclass(frozen=True)
class Canvas:
    """What to draw on: size in pixels, number of frames, frames per second."""

    width: int
    height: int
    num_frames: int
    fps: float = 24.0

    @property
    def unit(self) -> float:
        """Pixels in one length unit: half the shorter side."""
        return min(self.width, self.height) / 2

    def fractions(self, device: torch.device | str = "cpu") -> Tensor:
        """Time of each frame as a fraction of the clip, shape (num_frames,)."""
        return torch.linspace(0, 1, self.num_frames, device=device)


def camera_path(scene: Scene, when: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Magnification and pan (x, y) of the camera at each time, each of shape (num_frames,)."""
    swing = (when - 0.5) * scene.camera_travel
    zoom, pan_x, pan_y = torch.ones_like(when), torch.zeros_like(when), torch.zeros_like(when)
    if scene.camera in ("dolly_in", "dolly_out"):
        sign = 1.0 if scene.camera == "dolly_in" else -1.0
        zoom = torch.exp(sign * swing / 0.6 * math.log(ZOOM))
    elif scene.camera in ("dolly_left", "dolly_right"):
        pan_x = swing * (1.0 if scene.camera == "dolly_right" else -1.0)
    elif scene.camera in ("jib_up", "jib_down"):
        pan_y = swing * (1.0 if scene.camera == "jib_down" else -1.0)
    return zoom, pan_x, pan_y


def thing_path(thing: Thing, when: Tensor, seconds: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Place (x, y) and radius of a thing at each time, each of shape (num_frames,)."""
    x, y = torch.full_like(when, thing.x), torch.full_like(when, thing.y)
    radius = torch.full_like(when, thing.radius)
    if thing.motion in DIRECTIONS:
        way_x, way_y = DIRECTIONS[thing.motion]
        x, y = x + way_x * thing.travel * (when - 0.5), y + way_y * thing.travel * (when - 0.5)
    elif thing.motion in ("growing", "shrinking"):
        sign = 1.0 if thing.motion == "growing" else -1.0
        radius = radius * torch.exp(sign * (when - 0.5) * math.log(GROWTH))
    elif thing.motion == "bouncing":
        height = BOUNCE_HEIGHT * (1.0 if thing.travel > 0.92 else 0.75)
        turn = (seconds / BOUNCE_SECONDS + bounce_phase(thing)) % 1.0
        y = y + height * (0.5 - 4 * turn * (1 - turn))
    return x, y, radius


def bounce_phase(thing: Thing) -> float:
    """Where in a bounce the clip starts: between leaving the ground and the top."""
    return 0.5 * thing.phase


def _triangle(x: Tensor, y: Tensor) -> Tensor:
    y = y - 0.12  # between the middle of its area and the middle of its height
    sides = torch.maximum(0.866 * x.abs() - 0.5 * y, y)
    return sides - 0.62


def _star(x: Tensor, y: Tensor) -> Tensor:
    angle = torch.atan2(x, -y)
    step = 2 * math.pi / 5
    folded = (angle + step / 2) % step - step / 2
    radius = torch.sqrt(x * x + y * y)
    across, along = radius * torch.sin(folded.abs()), radius * torch.cos(folded)
    # The edge from the tip (0, 1.15) to the notch at 36 degrees and radius 0.5.
    notch_x, notch_y = 0.5 * math.sin(step / 2), 0.5 * math.cos(step / 2)
    edge_x, edge_y = notch_x, notch_y - 1.15
    length = math.hypot(edge_x, edge_y)
    return ((along - 1.15) * edge_x - across * edge_y) / length


def _cross(x: Tensor, y: Tensor) -> Tensor:
    high, low = torch.maximum(x.abs(), y.abs()), torch.minimum(x.abs(), y.abs())
    return torch.maximum(high - 1.0, low - 0.34)


OUTLINES = {
    "circle": lambda x, y: torch.sqrt(x * x + y * y) - 0.95,
    "square": lambda x, y: torch.maximum(x.abs(), y.abs()) - 0.82,
    "triangle": _triangle,
    "star": _star,
    # Divided by the slope, so that its rim is as wide as the others'.
    "diamond": lambda x, y: (1.125 * x.abs() + 0.81 * y.abs() - 0.87) / 1.386,
    "cross": _cross,
}


def _backdrop(scene: Scene, columns: Tensor, rows: Tensor) -> Tensor:
    """Texture at world columns (frames, w) and rows (frames, h): (frames, 3, h, w) in 0..255."""
    ground = world().backgrounds[scene.background]
    total = torch.zeros(columns.shape[0], rows.shape[1], columns.shape[1], device=columns.device)
    for amplitude, wave_x, wave_y, phase in ground.waves:
        along = math.tau * wave_x / 2 * (columns + scene.offset[0])
        down = math.tau * wave_y / 2 * (rows + scene.offset[1]) + phase
        # sin(a + b) by outer products: two multiplications a pixel in place of a sine.
        total += amplitude * down.cos()[:, :, None] * along.sin()[:, None, :]
        total += amplitude * down.sin()[:, :, None] * along.cos()[:, None, :]
    pattern = torch.tanh(ground.sharp * total)
    base = torch.tensor(ground.rgb, device=columns.device, dtype=torch.float32).view(1, 3, 1, 1)
    tint = torch.tensor(ground.tint, device=columns.device, dtype=torch.float32).view(1, 3, 1, 1)
    return base + tint * pattern[:, None]


def _paint(
    frames: Tensor,
    thing: Thing,
    grid: tuple[Tensor, Tensor],
    path: tuple[Tensor, ...],
    pixel: Tensor,
) -> None:
    columns, rows = grid
    x, y, radius = path
    across = (columns - x[:, None]) / radius[:, None]
    down = (rows - y[:, None]) / radius[:, None]
    # Only the part of the frame that the thing ever touches is worked on.
    touched_x = (across.abs() < 1.4).any(0).nonzero().flatten()
    touched_y = (down.abs() < 1.4).any(0).nonzero().flatten()
    if not len(touched_x) or not len(touched_y):
        return
    box_x = slice(int(touched_x[0]), int(touched_x[-1]) + 1)
    box_y = slice(int(touched_y[0]), int(touched_y[-1]) + 1)
    wide = across[:, None, box_x].expand(-1, box_y.stop - box_y.start, -1)
    tall = down[:, box_y, None].expand(-1, -1, box_x.stop - box_x.start)
    distance = OUTLINES[thing.shape](wide, tall) * radius[:, None, None]
    soft = pixel[:, None, None]
    inside = (0.5 - distance / soft).clamp(0, 1)[:, None]
    rim = (0.5 + (distance + RIM) / soft).clamp(0, 1)[:, None]
    color = torch.tensor(
        world().colors[thing.color].rgb, device=frames.device, dtype=torch.float32
    ).view(1, 3, 1, 1)
    region = frames[:, :, box_y, box_x]
    paint = color * (1 - (1 - RIM_SHADE) * rim)
    region += (paint - region) * inside


def draw(
    scene: Scene, canvas: Canvas, device: torch.device | str = "cpu", part: slice = slice(None)
) -> Tensor:
    """Frames of a scene, or the `part` of them: float32 (num_frames, 3, height, width) in -1..1."""
    when = canvas.fractions(device)[part]
    seconds = (torch.arange(canvas.num_frames, device=device) / canvas.fps)[part]
    zoom, pan_x, pan_y = camera_path(scene, when)
    unit = canvas.unit
    across = (torch.arange(canvas.width, device=device) + 0.5 - canvas.width / 2) / unit
    down = (torch.arange(canvas.height, device=device) + 0.5 - canvas.height / 2) / unit
    columns = across[None] / zoom[:, None] + pan_x[:, None]
    rows = down[None] / zoom[:, None] + pan_y[:, None]
    frames = _backdrop(scene, columns, rows)
    pixel = 1.0 / unit / zoom
    for thing in scene.things:
        _paint(frames, thing, (columns, rows), thing_path(thing, when, seconds), pixel)
    return frames.div_(127.5).sub_(1.0)
