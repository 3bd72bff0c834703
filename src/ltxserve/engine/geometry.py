"""Exact rules of frames, seconds and sizes; knows a model's limits, no request.

Frames come in 8n+1 because the video VAE keeps the
first frame and folds every further 8 into one latent frame; sides divide by 32 because it folds
32x32 pixels, by 64 when a latent upscaler doubles a first stage.
"""

from __future__ import annotations

import math
import re

from ltxserve.catalog.spec import Limits

FRAME_STEP = 8
SIDE_STEP = 32
NAMED_SIZES = {"480p": 480, "540p": 540, "720p": 720, "1080p": 1080, "1440p": 1440, "4k": 2160}
"""Names of picture sizes -> length of the short side in pixels."""
NAMED_RATIO = 16 / 9
_SIZE = re.compile(r"\s*(\d{1,6})\s*[x×*]\s*(\d{1,6})\s*", re.IGNORECASE)
_RATIO = re.compile(r"\s*(\d{1,5}(?:\.\d{1,5})?)\s*[:/x]\s*(\d{1,5}(?:\.\d{1,5})?)\s*")

Size = tuple[int, int]


# ── frames and time ─────────────────────────────────────────────────────────────────────────
def frames_floor(frames: float, step: int = FRAME_STEP) -> int:
    """The largest step*n+1 that is not above `frames` (at least 1)."""
    return max(0, math.floor((frames - 1) / step)) * step + 1


def frames_ceil(frames: float, step: int = FRAME_STEP) -> int:
    """The smallest step*n+1 that is not below `frames`."""
    return max(0, math.ceil((frames - 1) / step)) * step + 1


def frames_nearest(frames: float, step: int = FRAME_STEP) -> int:
    """The nearest step*n+1; of two equally near the larger."""
    below, above = frames_floor(frames, step), frames_ceil(frames, step)
    return below if frames - below < above - frames else above


def conditioning_fps(fps: float, limits: Limits) -> float:
    """The frame rate the model is told: above `snap_fps_above` it is `snap_fps_to`."""
    snaps = limits.snap_fps_to > 0 and fps > limits.snap_fps_above
    return limits.snap_fps_to if snaps else fps


def frame_limit(fps: float, limits: Limits) -> int:
    """The most frames a model makes at `fps`: max_seconds * fps + 4, cut to 8n+1.

    481 at 24, 497 at 25, 601 at 30, 1201 at 60 and above (what the model is told counts).
    """
    rate = min(fps, conditioning_fps(fps, limits))
    return min(limits.max_frames, frames_floor(limits.max_seconds * rate + 4))


def doubled_frames(frames: int) -> int:
    """Frames after a temporal upscale: a new one between every two."""
    return 2 * frames - 1


def latent_frames(frames: int) -> int:
    """Latent frames of a clip of 8n+1 frames."""
    return (frames - 1) // FRAME_STEP + 1


def latent_index(frame: int) -> int:
    """The latent frame that a pixel frame is folded into: 0 -> 0, 1..8 -> 1, 9..16 -> 2."""
    return 0 if frame == 0 else (frame - 1) // FRAME_STEP + 1


def latent_tokens(width: int, height: int, frames: int) -> int:
    """Tokens of the video transformer for a clip."""
    return latent_frames(frames) * (width // SIDE_STEP) * (height // SIDE_STEP)


# ── sizes ───────────────────────────────────────────────────────────────────────────────────
def parse_size(text: str, ratio: float | None = None) -> Size | None:
    """Width and height of "1280x720" or of a name like "720p" at `ratio` (16:9), or None."""
    match = _SIZE.fullmatch(text)
    if match:
        return int(match[1]), int(match[2])
    short = NAMED_SIZES.get(text.strip().lower())
    return None if short is None else sized(short, ratio or NAMED_RATIO)


def parse_ratio(text: str) -> float | None:
    """Width / height of "16:9", from 1:8 to 8:1, or None."""
    match = _RATIO.fullmatch(text)
    if not match or float(match[1]) == 0 or float(match[2]) == 0:
        return None
    ratio = float(match[1]) / float(match[2])
    return ratio if 1 / 8 <= ratio <= 8 else None


def sized(short: int, ratio: float) -> Size:
    """The even size whose short side is `short` and whose width / height is `ratio`."""
    long = 2 * round(short * max(ratio, 1 / ratio) / 2)
    return (long, short) if ratio >= 1 else (short, long)


def cover(size: Size, multiple: int) -> Size:
    """The smallest size of multiples that covers `size`: generate this, crop to that."""
    width, height = size
    return -(-width // multiple) * multiple, -(-height // multiple) * multiple


def nearest_side(side: float, multiple: int, limits: Limits) -> int:
    """The nearest multiple to `side` within the limits."""
    low = -(-limits.min_side // multiple) * multiple
    high = limits.max_side // multiple * multiple
    return min(high, max(low, round(side / multiple) * multiple))


def nearest_size(size: tuple[float, float], multiple: int, limits: Limits) -> Size:
    """A legal size as near as possible in area and shape to one that may not be."""
    width, height = (min(max(side, 1.0), 1e6) for side in size)
    shrink = min(
        1.0,
        limits.max_side / max(width, height),
        math.sqrt(limits.max_pixels / (width * height)),
    )
    grow = max(
        shrink, min(limits.min_side / min(width, height), limits.max_side / max(width, height))
    )
    near = (
        nearest_side(width * grow, multiple, limits),
        nearest_side(height * grow, multiple, limits),
    )
    while near[0] * near[1] > limits.max_pixels:
        near = (
            (near[0] - multiple, near[1]) if near[0] >= near[1] else (near[0], near[1] - multiple)
        )
    return near


def size_of_area(area: int, ratio: float, multiple: int, limits: Limits) -> Size:
    """A legal size of about `area` pixels whose width / height is about `ratio`."""
    width = math.sqrt(area * ratio)
    return nearest_size((width, width / ratio), multiple, limits)


def is_legal(size: Size, multiple: int, limits: Limits) -> bool:
    """Whether a model can make pictures of this size."""
    fits = all(limits.min_side <= s <= limits.max_side and s % multiple == 0 for s in size)
    return fits and size[0] * size[1] <= limits.max_pixels


def first_pass_size(size: Size, scale: float, multiple: int = SIDE_STEP) -> Size:
    """Size of the first pass of a multi-scale model: `scale` of the target, rounded down."""
    width, height = (max(multiple, int(side * scale) // multiple * multiple) for side in size)
    return width, height
