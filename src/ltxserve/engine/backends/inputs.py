"""Reads the pictures and videos of a plan's conditions; knows no model library."""

from __future__ import annotations

import dataclasses
import math
from fractions import Fraction

from ltxserve.engine.backends.base import ConditionFrames, ControlFrames, Frames
from ltxserve.engine.geometry import frames_floor
from ltxserve.engine.plan import PlannedCondition, PlannedControl
from ltxserve.errors import MediaError
from ltxserve.media.decode import VideoFrames, read_image, read_video
from ltxserve.media.edges import canny
from ltxserve.media.fetch import local_copy
from ltxserve.media.frames import fit_crop, recompress
from ltxserve.media.rates import exact_fps
from ltxserve.types import Shape


def read_condition(condition: PlannedCondition, clip: Shape) -> ConditionFrames:
    """A condition's frames as the model is shown them.

    Fitted to the clip by cropping (never squashed); a video at the clip's frame rate, so that it
    keeps its time; a single picture re-compressed at the model's CRF, because models were trained
    on frames of compressed video. A URL is fetched once, by the safe fetch. Raises MediaError for
    a source that cannot be used.
    """
    with local_copy(condition.source) as source:
        local = dataclasses.replace(condition, source=source)
        frames = _frames(local, exact_fps(clip.fps))
    fitted = fit_crop(frames, clip.width, clip.height)
    if len(fitted) == 1:
        fitted = recompress(fitted[0], condition.crf)[None]
    return ConditionFrames(fitted, condition.frame, condition.strength)


def read_control(control: PlannedControl, clip: Shape) -> ControlFrames:
    """A control video of a clip's first pass, its edges drawn where that is planned.

    Fitted by cropping, at the clip's rate, at most as long as the clip. Raises MediaError for a
    source that cannot be used, ModelUnavailable where edges cannot be drawn.
    """
    with local_copy(control.source) as source:
        played = _played(source, clip.num_frames, exact_fps(clip.fps))
    fitted = fit_crop(played, clip.width, clip.height)
    frames = canny(fitted) if control.compute else fitted
    return ControlFrames(frames, control.strength, control.downscale)


def at_rate(video: VideoFrames, fps: Fraction) -> Frames:
    """A video's frames as they are seen at another rate: repeated or left out, time is kept."""
    if video.fps == fps:
        return video.frames
    count = math.ceil(len(video.frames) / video.fps * fps)
    return video.frames[[math.floor(index / fps * video.fps) for index in range(count)]]


def _frames(condition: PlannedCondition, fps: Fraction) -> Frames:
    if condition.kind == "image":
        return read_image(condition.source)[None]
    if condition.kind == "video":
        return _video(condition, fps)
    # Only the content tells. A GIF is a video if it moves, so moving pictures are tried first.
    try:
        return _video(condition, fps)
    except MediaError as error:
        if error.code not in ("media_unreadable", "media_unsupported"):
            raise
    return read_image(condition.source)[None]


def _video(condition: PlannedCondition, fps: Fraction) -> Frames:
    return _played(condition.source, condition.num_frames or condition.max_frames, fps)


def _played(source: str, wanted: int, fps: Fraction) -> Frames:
    """The first frames of a video at another rate: 8k+1, at most `wanted`."""
    rate = read_video(source, 0, 1).fps
    needed = math.floor((wanted - 1) / fps * rate) + 1
    played = at_rate(read_video(source, 0, needed), fps)
    return played[: frames_floor(min(len(played), wanted))]
