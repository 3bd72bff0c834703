"""Reads the source of a clip at the clip's size and rate; knows no way and no model."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

from ltxserve.engine.backends.base import Frames
from ltxserve.engine.backends.inputs import at_rate
from ltxserve.engine.plan import Plan
from ltxserve.engine.ways.base import Material
from ltxserve.errors import MediaError
from ltxserve.media.decode import read_sound, read_video
from ltxserve.media.fetch import local_copy
from ltxserve.media.frames import fit_crop, resize
from ltxserve.media.rates import exact_fps, samples_for
from ltxserve.media.sound import Sound

_MISSING = 2
"""Frames that a source may have fewer than its header promises; the last one is repeated."""


def read_material(source: str, plan: Plan, count: int | None) -> Material:
    """A video's first `count` frames (None = all) and their sound, None where there is none.

    Cropped to the delivered size, never squashed. Raises MediaError `source_too_short` and what
    decoding raises.
    """
    shape, fps = plan.deliver, exact_fps(plan.deliver.fps)
    with local_copy(source) as local:
        needed = None
        if count is not None:
            rate = read_video(local, 0, 1).fps
            needed = math.ceil(count / fps * rate) + 1
        played = at_rate(read_video(local, 0, needed), fps)
        sound = _sound(local)
    if count is not None:
        played = _of_length(played, count)
    frames = fit_crop(played, shape.width, shape.height)
    if sound is not None:
        sound = sound.fitted(samples_for(len(frames), fps, sound.sample_rate))
    return Material(frames, sound)


def read_given_sound(source: str, start: float) -> Sound:
    """The sound of a file from its second `start` on.

    Raises MediaError `source_too_short` where there is nothing behind it.
    """
    with local_copy(source) as local:
        sound = read_sound(local)
    first = round(start * sound.sample_rate)
    if first >= sound.num_samples:
        raise MediaError(
            "source_too_short",
            f"The sound lasts {sound.seconds:.2f} seconds.",
            f"Begin before its second {start:g}.",
            "sound.start",
        )
    return Sound(sound.samples[:, first:], sound.sample_rate)


def covering(frames: Frames, plan: Plan) -> Frames:
    """Frames of the delivered size as the model makes them, so that `fitted` gives them back.

    Exactly so where nothing is scaled, which is wherever one side is a multiple already.
    """
    framed = _framed(frames, *plan.canvas)
    if plan.fit == "scale":
        return resize(framed, plan.generate.width, plan.generate.height)
    return framed


def _framed(frames: Frames, wide: int, high: int) -> Frames:
    """What `fit_crop` takes out of the middle, the other way round: beyond it, edges go on."""
    rows, columns = frames.shape[1:3]
    if (columns, rows) == (wide, high):
        return frames
    scale = max(columns / wide, rows / high)
    left, top = (wide * scale - columns) / 2, (high * scale - rows) / 2
    beside, above = math.ceil(left), math.ceil(top)
    padded = np.pad(frames, ((0, 0), (above, above), (beside, beside), (0, 0)), mode="edge")
    box = (beside - left, above - top, beside + columns + left, above + rows + top)
    return np.stack([_scaled(frame, (wide, high), box) for frame in padded])


def _scaled(frame: Frames, size: tuple[int, int], box: tuple[float, float, float, float]) -> Frames:
    picture = Image.fromarray(frame).resize(size, Image.Resampling.LANCZOS, box=box)
    return np.asarray(picture, dtype=np.uint8)


def _of_length(frames: Frames, count: int) -> Frames:
    missing = count - len(frames)
    if missing > _MISSING:
        raise MediaError(
            "source_too_short",
            f"The source has {len(frames)} frames at the clip's rate, {count} are needed.",
            "Ask for a shorter clip, or give a longer source.",
        )
    if missing > 0:
        return np.concatenate([frames, np.repeat(frames[-1:], missing, axis=0)])
    return frames[:count]


def _sound(source: str) -> Sound | None:
    try:
        return read_sound(source)
    except MediaError as error:
        if error.code != "media_unsupported":  # there is a sound, and it is broken
            raise
        return None
