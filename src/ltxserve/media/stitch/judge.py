"""What can be said against a stitch before any of its clips is opened; reads no file."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ltxserve.errors import Problem
from ltxserve.media.encode import MAX_FPS, MAX_SIDE
from ltxserve.media.stitch.nouns import Stitch, StitchClip, Transition

MAX_CLIPS = 200
SPEEDS = (0.1, 10.0)
VOLUMES = (0.0, 10.0)
TRANSITION_SECONDS = (0.0, 30.0)
LOUDNESS = (-40.0, -5.0)
"""LUFS. Streaming services ask for -14 to -16, European television for -23."""
FORMATS = ("mp4", "webm")
_SMALLEST_SIDE = 16
_TRIMS = (-math.inf, math.inf)
_FPS = (1.0, float(MAX_FPS))


def judge(stitch: Stitch) -> tuple[Problem, ...]:
    """Every problem that needs no clip to be seen, in the order of the fields; none is good."""
    return tuple(_all(stitch))


def _all(stitch: Stitch) -> Iterator[Problem]:
    if not stitch.clips:
        yield Problem("clips_missing", "There are no clips.", "Name at least one.", "clips")
    if len(stitch.clips) > MAX_CLIPS:
        yield Problem(
            "too_many_clips",
            f"There are {len(stitch.clips)} clips.",
            f"Join at most {MAX_CLIPS} at a time.",
            "clips",
        )
    for index, clip in enumerate(stitch.clips[:MAX_CLIPS]):
        yield from _clip(clip, f"clips.{index}")
    yield from _transition(stitch.transition, "transition")
    yield from _range("fps_out_of_range", stitch.fps, _FPS, "fps")
    yield from _range("loudness_out_of_range", stitch.loudness, LOUDNESS, "loudness")
    yield from _target(stitch)


def _clip(clip: StitchClip, where: str) -> Iterator[Problem]:
    if not clip.source.strip():
        yield Problem("source_invalid", "The source is empty.", "Name a video.", f"{where}.source")
    for seconds, frame in (("start", "start_frame"), ("end", "end_frame")):
        yield from _range("trim_invalid", getattr(clip, seconds), _TRIMS, f"{where}.{seconds}")
        if getattr(clip, seconds) is not None and getattr(clip, frame) is not None:
            yield Problem(
                "conflicting_fields",
                f"Both {seconds} and {frame} are given.",
                "Leave one of them out.",
                f"{where}.{frame}",
            )
    yield from _range("speed_out_of_range", clip.speed, SPEEDS, f"{where}.speed")
    yield from _range("volume_out_of_range", clip.volume, VOLUMES, f"{where}.volume")
    if clip.transition is not None:
        yield from _transition(clip.transition, f"{where}.transition")


def _transition(transition: Transition, where: str) -> Iterator[Problem]:
    for name in ("seconds", "audio_seconds"):
        value = getattr(transition, name)
        yield from _range("transition_invalid", value, TRANSITION_SECONDS, f"{where}.{name}")


def _target(stitch: Stitch) -> Iterator[Problem]:
    for name in ("width", "height"):
        value = getattr(stitch, name)
        yield from _range("size_out_of_range", value, (_SMALLEST_SIDE, MAX_SIDE), name)
        if value is not None and value % 2:
            hint = f"Use {value + 1} or {value - 1}."
            yield Problem("size_not_divisible", f"{value} is odd.", hint, name)
    if stitch.output.format not in FORMATS:
        yield Problem(
            "output_invalid",
            f"A stitch cannot be a {stitch.output.format}.",
            f"Use {' or '.join(FORMATS)}.",
            "output.format",
        )
    yield from _range("output_invalid", stitch.output.crf, (0, 63), "output.crf")


def _range(
    code: str, value: float | None, limits: tuple[float, float], field: str
) -> Iterator[Problem]:
    if value is None:
        return
    if not math.isfinite(value):
        yield Problem("not_a_number", f"{value} is not a number.", "Give a finite number.", field)
    elif not limits[0] <= value <= limits[1]:
        low, high = limits
        yield Problem(code, f"{value:g} is too far.", f"Use {low:g} to {high:g}.", field)
