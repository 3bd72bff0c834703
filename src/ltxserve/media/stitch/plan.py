"""What a stitch will be, frame by frame, before anything is decoded: pure, in exact fractions."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from ltxserve.errors import Problem, RequestRefused
from ltxserve.media.rates import exact_fps, samples_for
from ltxserve.media.stitch.facts import ClipFacts
from ltxserve.media.stitch.judge import judge
from ltxserve.media.stitch.nouns import Fit, Stitch, StitchClip, Transition
from ltxserve.types import Output

MAX_SECONDS = 3 * 3600
"""Length of a result; what one call may cost."""
_HALF = Fraction(1, 2)


@dataclass(frozen=True)
class Part:
    """The part of a clip that is used: frames `first` to `stop` (not included) of `facts`, at
    `speed`; `num_frames` is how many frames of the result it fills."""

    facts: ClipFacts
    first: int
    stop: int
    speed: Fraction
    volume: float
    keep_pitch: bool
    num_frames: int

    @property
    def whole(self) -> bool:
        """Whether all frames are used."""
        return (self.first, self.stop) == (0, self.facts.num_frames)


@dataclass(frozen=True)
class Joint:
    """Between two parts: `overlap` frames blended, or `dark` frames to black and as many back."""

    transition: Transition
    overlap: int = 0
    dark: int = 0


NO_JOINT = Joint(Transition())
"""Before the first part and after the last."""


@dataclass(frozen=True)
class StitchPlan:
    """Everything that decides the result. `joints[i]` lies between `parts[i]` and `parts[i + 1]`.

    sample_rate: Hz of the result's sound, None = silent. `starts` are the parts' first frames in
    the result.
    """

    parts: tuple[Part, ...]
    joints: tuple[Joint, ...]
    starts: tuple[int, ...]
    num_frames: int
    width: int
    height: int
    fps: Fraction
    fit: Fit
    sample_rate: int | None
    channels: int
    loudness: float | None
    reencode: bool
    output: Output

    @property
    def num_samples(self) -> int:
        """How long the sound is, exactly as the picture."""
        return samples_for(self.num_frames, self.fps, self.sample_rate) if self.sample_rate else 0

    @property
    def seconds(self) -> float:
        return float(self.num_frames / self.fps)


def plan_stitch(stitch: Stitch, clips: Sequence[ClipFacts]) -> StitchPlan:
    """Decide everything about a stitch of these clips (one `ClipFacts` per clip, in order).

    Raises RequestRefused with every problem found.
    """
    problems = [*judge(stitch)]
    if problems:
        raise RequestRefused(problems)
    fps = exact_fps(stitch.fps) if stitch.fps is not None else clips[0].fps
    parts = [
        _part(clip, facts, fps, f"clips.{index}", problems)
        for index, (clip, facts) in enumerate(zip(stitch.clips, clips, strict=True))
    ]
    joints = [_joint(clip.transition or stitch.transition, fps) for clip in stitch.clips[1:]]
    _check_joints(parts, joints, fps, problems)
    starts, position = [0], 0
    for part, joint in zip(parts, joints, strict=False):
        position += part.num_frames - joint.overlap
        starts.append(position)
    total = starts[-1] + parts[-1].num_frames
    if total > MAX_SECONDS * fps:
        hint = f"Up to {MAX_SECONDS} s can be joined."
        problems.append(Problem("duration_too_long", "The result is too long.", hint, "clips"))
    if problems:
        raise RequestRefused(problems)
    width, height = _size(stitch, clips[0])
    heard = [part.facts for part in parts if part.facts.sample_rate]
    sound = stitch.audio is not False and bool(heard)
    return StitchPlan(
        parts=tuple(parts),
        joints=tuple(joints),
        starts=tuple(starts),
        num_frames=total,
        width=width,
        height=height,
        fps=fps,
        fit=stitch.fit,
        sample_rate=_rate(heard, stitch.output.format) if sound else None,
        channels=max((facts.channels for facts in heard), default=0),
        loudness=stitch.loudness,
        reencode=stitch.reencode or stitch.output.crf is not None,
        output=stitch.output,
    )


def frames_for(seconds: float | Fraction, fps: Fraction) -> int:
    """The number of frames nearest to a length of time; halves go up."""
    return math.floor(Fraction(seconds) * fps + _HALF)


def _part(
    clip: StitchClip, facts: ClipFacts, fps: Fraction, where: str, problems: list[Problem]
) -> Part:
    first = _edge(clip.start, clip.start_frame, facts, 0)
    stop = _edge(clip.end, clip.end_frame, facts, facts.num_frames)
    if not 0 <= first < stop <= facts.num_frames:
        problems.append(
            Problem(
                "trim_invalid",
                f"Frames {first} to {stop} are not a part of its {facts.num_frames} frames "
                f"({float(facts.seconds):.3f} s).",
                "Begin before the end, inside the clip.",
                where,
            )
        )
        first, stop = 0, facts.num_frames
    speed = Fraction(clip.speed).limit_denominator(1000)
    length = Fraction(stop - first) / (facts.fps * speed)
    return Part(
        facts=facts,
        first=first,
        stop=stop,
        speed=speed,
        volume=clip.volume,
        keep_pitch=clip.keep_pitch,
        num_frames=max(1, frames_for(length, fps)),
    )


def _edge(seconds: float | None, frame: int | None, facts: ClipFacts, default: int) -> int:
    if seconds is not None:
        frame = frames_for(abs(seconds), facts.fps)
        return facts.num_frames - frame if seconds < 0 else frame
    if frame is None:
        return default
    return facts.num_frames + frame if frame < 0 else frame


def _joint(transition: Transition, fps: Fraction) -> Joint:
    frames = frames_for(transition.seconds, fps)
    if transition.kind == "crossfade":
        return Joint(transition, overlap=frames)
    if transition.kind == "fade":
        return Joint(transition, dark=frames_for(transition.seconds / 2, fps))
    return Joint(transition)


def _check_joints(
    parts: Sequence[Part], joints: Sequence[Joint], fps: Fraction, problems: list[Problem]
) -> None:
    """A clip must be long enough for the transitions at both its ends, one after the other."""
    taken = [joint.overlap + joint.dark for joint in joints]
    for index, part in enumerate(parts):
        needs = sum(taken[max(0, index - 1) : index + 1])
        if needs > part.num_frames:
            problems.append(
                Problem(
                    "transition_invalid",
                    f"The clip fills {part.num_frames} frames, its transitions need {needs}.",
                    f"Use transitions of {float(part.num_frames / fps / 2):.2f} s at most here.",
                    f"clips.{index}",
                )
            )


def _size(stitch: Stitch, first: ClipFacts) -> tuple[int, int]:
    """The result's size: as asked, in the first clip's proportions, even as 4:2:0 needs it."""
    width, height = stitch.width, stitch.height
    if width is None and height is None:
        width, height = first.width, first.height
    elif width is None:
        width = round((height or 0) * first.width / first.height)
    elif height is None:
        height = round(width * first.height / first.width)
    return _even(width or 0), _even(height or 0)


def _even(side: int) -> int:
    return max(2, side - side % 2)


def _rate(heard: Iterable[ClipFacts], format: str) -> int:
    """The rate all clips share where the format has it (nothing is resampled), else 48 kHz."""
    rates = {facts.sample_rate for facts in heard}
    return rates.pop() or 48000 if len(rates) == 1 and _can_have(rates, format) else 48000


def _can_have(rates: set[int | None], format: str) -> bool:
    return format == "mp4" and rates <= {22050, 24000, 32000, 44100, 48000}
