"""Reads a plan's conditions and places them as diffusers wants them. It knows no prompt and no model."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import numpy.typing as npt
from diffusers.pipelines.ltx2.pipeline_ltx2_condition import LTX2VideoCondition

from ltxserve.engine.geometry import frames_floor
from ltxserve.engine.plan import Plan, PlannedCondition
from ltxserve.errors import MediaError
from ltxserve.media.decode import VideoFrames, read_video
from ltxserve.media.frames import fit_crop, recompress
from ltxserve.media.rates import exact_fps
from ltxserve.media.stills import read_image

Pixels = npt.NDArray[np.uint8]
TEMPORAL = 8  # pixel frames in a latent frame, after the first


def read_conditions(plan: Plan) -> list[LTX2VideoCondition]:
    """Every condition, read, fitted by cropping and re-compressed at the model's quality.

    Raises MediaError for a source that cannot be used.
    """
    return [_placed(condition, plan) for condition in plan.conditions]


def _placed(condition: PlannedCondition, plan: Plan) -> LTX2VideoCondition:
    frames = _frames(condition, plan.generate.fps)
    fitted = fit_crop(frames, plan.generate.width, plan.generate.height)
    if len(fitted) == 1:
        fitted = recompress(fitted[0], condition.crf)[None]
    return LTX2VideoCondition(
        frames=fitted,
        index=latent_place(condition.frame),
        strength=condition.strength,
        crf=0,  # done above, on the fitted picture
    )


def latent_place(frame: int) -> float | int:
    """Where a pixel frame lies in latent frames, as a fraction.

    diffusers names places by latent index and puts a keyframe at pixel (index - 1) * 8 + 1; a
    fractional index therefore names any pixel frame exactly, as LTX-2's own code does.
    """
    return 0 if frame == 0 else (frame - 1) / TEMPORAL + 1


def _frames(condition: PlannedCondition, fps: float) -> Pixels:
    if condition.kind == "image":
        return read_image(condition.source)[None]
    if condition.kind == "unknown":
        try:
            return read_image(condition.source)[None]
        except MediaError as error:
            if error.code != "media_unreadable":
                raise
    return _video_frames(condition, exact_fps(fps))


def _video_frames(condition: PlannedCondition, fps: Fraction) -> Pixels:
    wanted = condition.num_frames or condition.max_frames
    # At most twice as many source frames are read as play in the wanted time.
    video = read_video(condition.source, 0, _source_frames(wanted))
    played = at_rate(video, fps)[:wanted]
    return played[: frames_floor(len(played))]


def _source_frames(wanted: int) -> int:
    return wanted * 5 + 1  # up to 120 frames a second in a clip of 24


def at_rate(video: VideoFrames, fps: Fraction) -> Pixels:
    """A video's frames as they are seen at another rate: repeated or left out, so that time is kept."""
    if video.fps == fps:
        return video.frames
    count = max(1, int(len(video.frames) / video.fps * fps))
    picks = [min(len(video.frames) - 1, int(i / fps * video.fps)) for i in range(count)]
    return video.frames[picks]
