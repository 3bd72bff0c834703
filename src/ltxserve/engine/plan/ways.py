"""Decides what is made from a given video or to a given sound; judges sources by text alone."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from ltxserve.catalog import ModelSpec
from ltxserve.engine.findings import Findings, show
from ltxserve.engine.plan.length import Length
from ltxserve.engine.plan.nouns import PlannedRetake, PlannedSound, PlannedVideoToVideo
from ltxserve.engine.sources import sound_problem, video_problem
from ltxserve.types import GenerationRequest, VideoSource

FROM_VIDEO = ("video_to_video", "retake", "extend")
LEAST_STRENGTH = 0.01
"""A strength below counts as this one: a step has to begin somewhere."""
_NAMES = {
    "video_to_video": "make a video over",
    "retake": "make a range of a video anew",
    "extend": "go on from a video",
    "audio_to_video": "make a clip to a given sound",
}


@dataclass(frozen=True)
class Ways:
    """What a clip of one run is made from, besides conditions."""

    video_to_video: PlannedVideoToVideo | None
    sound: PlannedSound | None

    @property
    def start(self) -> float:
        """The noise level at which denoising starts at most."""
        return 1.0 if self.video_to_video is None else self.video_to_video.strength


def check_ways(request: GenerationRequest, spec: ModelSpec, findings: Findings) -> None:
    """Refuse ways that the model does not know, that exclude each other, or without a source."""
    asked = [name for name in FROM_VIDEO if getattr(request, name) is not None]
    for name in asked:
        _check_support(name, name, spec, findings)
        source = getattr(request, name).source
        if bad := video_problem(source):
            findings.problem("source_invalid", bad[0], bad[1], f"{name}.source")
    if request.sound is not None:
        _check_support("audio_to_video", "sound", spec, findings)
        if bad := sound_problem(request.sound.source):
            findings.problem("source_invalid", bad[0], bad[1], "sound.source")
    for one, other in _conflicts(request, asked):
        findings.problem(
            "conflicting_fields",
            f"{one} and {other} cannot be combined.",
            "Ask for one of them.",
            other,
        )
    if request.sound is not None and request.audio is False:
        findings.problem(
            "conflicting_fields",
            "A sound is given, and the clip is to be silent.",
            "Leave audio out, or sound.",
            "audio",
        )


def plan_ways(request: GenerationRequest, length: Length | None, findings: Findings) -> Ways:
    """What is made from a source, and where; problems go to `findings`."""
    return Ways(
        _video_to_video(request, length, findings),
        _sound(request, length, findings),
    )


def check_retake_acts(planned: PlannedRetake | None, audio: bool, findings: Findings) -> None:
    """Refuse a retake of the sound alone where the clip is delivered without any."""
    if planned is not None and planned.audio and not planned.video and not audio:
        findings.problem(
            "audio_unsupported",
            "Only the sound is to be made anew, and the clip is delivered without sound.",
            "Set retake.video, or set audio and deliver mp4 or webm.",
            "retake.audio",
        )


def source_of(request: GenerationRequest) -> VideoSource | None:
    """The video that a clip is made from, if there is one."""
    return request.video_to_video or request.retake or request.extend


def start_at(
    strength: float, steps: int, sigmas: tuple[float, ...] | None
) -> tuple[int, tuple[float, ...] | None]:
    """Steps and sigmas from the noise level `strength` on; unchanged where they start below it.

    A model whose scheduler makes the curve gets an even one; the scheduler bends it as ever.
    """
    curve = sigmas or tuple(round(1 - step / steps, 8) for step in range(steps))
    start = max(LEAST_STRENGTH, strength)
    if not curve or start >= curve[0]:  # no curve: the steps themselves were a problem
        return steps, sigmas
    kept = (start, *(sigma for sigma in curve if sigma < start))
    return len(kept), kept


def _conflicts(request: GenerationRequest, asked: list[str]) -> list[tuple[str, str]]:
    pairs = list(itertools.combinations(asked, 2))
    for name in asked:
        pairs += [(name, f"upscale.{k}") for k in ("spatial", "temporal") if _on(request, k)]
    for name in (n for n in asked if n != "video_to_video"):  # as long as their source decides
        lengths = ("num_frames", "seconds")
        pairs += [(name, length) for length in lengths if getattr(request, length) is not None]
        pairs += [(name, "conditions")] if request.conditions else []
    if request.sound is not None:
        pairs += [(name, "sound") for name in asked if name != "video_to_video"]
        pairs += [("sound", "upscale.temporal")] if _on(request, "temporal") else []
    return pairs


def _on(request: GenerationRequest, upscaler: str) -> bool:
    return bool(getattr(request.upscale, upscaler))


def _check_support(flag: str, field: str, spec: ModelSpec, findings: Findings) -> None:
    if not getattr(spec.supports, flag):
        findings.problem(
            f"{flag}_unsupported",
            f"{spec.name} cannot {_NAMES[flag]}.",
            f"Leave {field} out, or use a model that can, such as tiny or ltx-2.3.",
            field,
        )


def _video_to_video(
    request: GenerationRequest, length: Length | None, findings: Findings
) -> PlannedVideoToVideo | None:
    asked = request.video_to_video
    if asked is None:
        return None
    if not 0 <= asked.strength <= 1:
        findings.problem(
            "strength_out_of_range",
            f"The strength is {show(asked.strength)}.",
            "Use 0 (keep the source) to 1 (forget it).",
            "video_to_video.strength",
        )
    _check_length(asked, length, "video_to_video", findings)
    return PlannedVideoToVideo(asked.source, asked.strength)


def _sound(
    request: GenerationRequest, length: Length | None, findings: Findings
) -> PlannedSound | None:
    asked = request.sound
    if asked is None:
        return None
    have = asked.source_seconds
    if asked.start < 0 or (have is not None and asked.start >= have):
        findings.problem(
            "source_too_short" if asked.start >= 0 else "invalid_field",
            f"The sound is to begin at second {show(asked.start)}.",
            "Use 0 or more." if have is None else f"It lasts {have:.2f} seconds.",
            "sound.start",
        )
        return None
    if have is not None and length is not None:
        left, needed = have - asked.start, length.num_frames / length.fps
        if left < needed - 1 / length.fps:
            findings.problem(
                "source_too_short",
                f"The clip lasts {needed:.2f} seconds, the sound {left:.2f}.",
                "Make a shorter clip, or give a longer sound.",
                "sound.source",
            )
    return PlannedSound(asked.source, asked.start)


def _check_length(
    asked: VideoSource, length: Length | None, field: str, findings: Findings
) -> None:
    have = asked.source_frames
    if have is not None and length is not None and have < length.num_frames:
        findings.problem(
            "source_too_short",
            f"The clip has {length.num_frames} frames, the source {show(have)}.",
            "Leave num_frames and seconds out: the clip is as long as the source.",
            f"{field}.source",
        )
