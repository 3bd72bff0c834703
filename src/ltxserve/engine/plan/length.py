"""Decides the clip's length: frames, frame rate, and the rate the model is told."""

from __future__ import annotations

from dataclasses import dataclass

from ltxserve.catalog import ModelSpec
from ltxserve.engine import geometry
from ltxserve.engine.findings import Findings, show
from ltxserve.types import AutoLength, GenerationRequest

_OFF_TRAINED = 0.08
MOST_ROUNDS = 2
"""Of diffusion fidelity rendering, as many as Lightricks' pipeline makes."""


@dataclass(frozen=True)
class Length:
    """num_frames at fps are delivered; first_frames at first_fps come out of the first pass;
    condition_fps is what the model is told in it."""

    num_frames: int
    fps: float
    first_frames: int
    first_fps: float
    condition_fps: float


def plan_length(
    request: GenerationRequest, spec: ModelSpec, doublings: int, findings: Findings
) -> Length | None:
    """The clip's length, or None with the reason in `findings`.

    doublings: how often the frame rate is doubled after the first pass.
    """
    fps = _fps(request, spec, findings)
    factor = 2**doublings
    # At a rate that cannot be, the frames are judged at the model's own: all problems at once.
    frames = _frames(request, spec, fps or spec.defaults.fps, factor, findings)
    if fps is None or frames is None:
        return None
    told = geometry.conditioning_fps(fps / factor, spec.limits)
    _warn_of_rate(fps / factor, told, spec, findings)
    return Length(frames, fps, (frames - 1) // factor + 1, fps / factor, told)


def doublings(request: GenerationRequest) -> int:
    """How often the frame rate is doubled after the first pass."""
    if request.dfr is not None:
        return min(max(request.dfr.rounds, 0), MOST_ROUNDS)
    return int(request.upscale.temporal)


def _fps(request: GenerationRequest, spec: ModelSpec, findings: Findings) -> float | None:
    fps = spec.defaults.fps if request.fps is None else request.fps
    low, high = spec.limits.min_fps, spec.limits.max_fps
    if low <= fps <= high:
        return fps
    findings.problem(
        "fps_out_of_range",
        f"{show(fps)} frames per second.",
        f"{spec.name} takes {low:g} to {high:g}; {spec.defaults.fps:g} is best.",
        "fps",
    )
    return None


def _frames(
    request: GenerationRequest, spec: ModelSpec, fps: float, factor: int, findings: Findings
) -> int | None:
    step = geometry.FRAME_STEP * factor
    low = geometry.frames_ceil(spec.limits.min_frames, step)
    high = geometry.frame_limit(fps / factor, spec.limits) * factor - (factor - 1)
    if request.auto_length is not None:
        return longest(request.auto_length, spec, fps, (low, high, step), findings)
    if request.seconds is not None:
        return _of_seconds(request, spec, fps, (low, high, step), findings)
    if request.num_frames is None:
        return max(low, min(high, geometry.frames_nearest(spec.defaults.num_frames, step)))
    return _of_frames(request.num_frames, spec, fps, (low, high, step), findings)


def longest(
    asked: AutoLength,
    spec: ModelSpec,
    fps: float,
    span: tuple[int, int, int],
    findings: Findings,
) -> int | None:
    """The most frames of a length that the model chooses; None with the reason in `findings`.

    span: fewest and most frames that the model makes, and their step.
    """
    low, high, step = span
    least, most = asked.min_seconds, asked.max_seconds
    if most is None:
        most = max(least, high / fps)
    if not 0 < least <= most:
        findings.problem(
            "invalid_field",
            f"The length is to be between {show(least)} and {show(most)} seconds.",
            "Use two lengths above 0, the shorter one first.",
            "auto_length.min_seconds",
        )
        return None
    for name, seconds in (("min_seconds", least), ("max_seconds", most)):
        if seconds * fps > high + step / 2:
            findings.problem(
                "duration_too_long",
                f"{show(seconds)} seconds at {fps:g} frames per second.",
                f"{spec.name} makes up to {high / fps:.2f} seconds ({high} frames) there.",
                f"auto_length.{name}",
            )
            return None
    return max(low, min(high, geometry.frames_nearest(most * fps, step)))


def _of_seconds(
    request: GenerationRequest,
    spec: ModelSpec,
    fps: float,
    span: tuple[int, int, int],
    findings: Findings,
) -> int | None:
    seconds = request.seconds or 0.0
    low, high, step = span
    if not 0 < seconds * fps <= high + step / 2:
        code = "num_frames_out_of_range" if seconds <= 0 else "duration_too_long"
        findings.problem(
            code,
            f"{show(seconds)} seconds at {fps:g} frames per second.",
            f"{spec.name} makes {low / fps:.2f} to {high / fps:.2f} seconds ({high} frames) there.",
            "seconds",
        )
        return None
    frames = max(low, min(high, geometry.frames_nearest(seconds * fps, step)))
    if request.num_frames not in (None, frames):
        findings.problem(
            "conflicting_fields",
            f"num_frames is {show(request.num_frames)}, but {show(seconds)} seconds"
            f" at {fps:g} frames per second are {frames} frames.",
            "Give num_frames or seconds, not both.",
            "num_frames",
        )
        return None
    return frames


def _of_frames(
    frames: int, spec: ModelSpec, fps: float, span: tuple[int, int, int], findings: Findings
) -> int | None:
    low, high, step = span
    if not low <= frames <= high:
        too_long = frames > high and high < spec.limits.max_frames
        findings.problem(
            "duration_too_long" if too_long else "num_frames_out_of_range",
            f"{show(frames)} frames at {fps:g} frames per second.",
            f"{spec.name} makes {low} to {high} frames there.",
            "num_frames",
        )
        return None
    if (frames - 1) % step:
        below, above = geometry.frames_floor(frames, step), geometry.frames_ceil(frames, step)
        near = [str(n) for n in (below, above) if low <= n <= high]
        findings.problem(
            "num_frames_invalid",
            f"{frames} frames; clips have {step}n+1 frames.",
            f"Use {' or '.join(near)}.",
            "num_frames",
        )
        return None
    return frames


def _warn_of_rate(fps: float, told: float, spec: ModelSpec, findings: Findings) -> None:
    if told != fps:
        findings.warn(
            f"{spec.name} was not trained at {fps:g} frames per second: it is told {told:g},"
            f" the clip plays at {fps:g}."
        )
    rates = spec.limits.trained_fps
    if rates and min(abs(told / rate - 1) for rate in rates) > _OFF_TRAINED:
        trained = ", ".join(f"{rate:g}" for rate in rates)
        findings.warn(f"{spec.name} was trained at {trained} frames per second, not {told:g}.")
