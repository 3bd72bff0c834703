"""Decides what of a clip is left to the model: its length, the words of its prompt; asks nobody."""

from __future__ import annotations

from dataclasses import dataclass

from ltxserve.catalog import ModelSpec
from ltxserve.engine import geometry
from ltxserve.engine.conditioning import Timeline, plan_conditions
from ltxserve.engine.findings import Findings
from ltxserve.engine.plan.length import Length, doublings
from ltxserve.engine.plan.nouns import PlannedAutoLength, Stage, StageKind
from ltxserve.types import GenerationRequest

_LENGTHS = ("num_frames", "seconds", "video_to_video", "retake", "extend", "sound")
"""Fields that decide how long a clip is."""


@dataclass(frozen=True)
class Foresight:
    """What the model says before the clip is made."""

    auto_length: PlannedAutoLength | None = None
    asked_prompt: str | None = None

    def before(self, stages: tuple[Stage, ...]) -> tuple[Stage, ...]:
        """The stages with those in which the model says it."""
        shape = stages[0].shape
        wanted: dict[StageKind, object] = {
            "enhance_prompt": self.asked_prompt,
            "choose_length": self.auto_length,
        }
        return (*(Stage(kind, 1, shape) for kind, part in wanted.items() if part), *stages)


def check_foresight(request: GenerationRequest, spec: ModelSpec, findings: Findings) -> None:
    """Refuse what the model cannot say, and a length that something else decides."""
    if request.enhance_prompt and not spec.supports.enhance_prompt:
        findings.problem(
            "prompt_enhancement_unsupported",
            f"The text encoder of {spec.name} reads prompts and writes none.",
            "Leave enhance_prompt out, or use a model of LTX-2 or LTX-2.3.",
            "enhance_prompt",
        )
    if request.auto_length is None:
        return
    if not spec.supports.duration_head:
        findings.problem(
            "auto_length_unsupported",
            f"{spec.name} has no part that tells a clip's length from its prompt.",
            "Give seconds or num_frames, or use a model of LTX-2.5.",
            "auto_length",
        )
    for name in _LENGTHS:
        if getattr(request, name) is not None:
            findings.problem(
                "conflicting_fields",
                f"{name} decides how long the clip is, and auto_length leaves it to the model.",
                "Ask for one of them.",
                "auto_length",
            )


def plan_foresight(
    request: GenerationRequest, spec: ModelSpec, length: Length | None, findings: Findings
) -> Foresight:
    """What the model will be asked; a picture beyond the shortest clip goes to `findings`."""
    asked = request.prompt.strip() if request.enhance_prompt else None
    auto = request.auto_length
    if auto is None or length is None:
        return Foresight(None, asked)
    step = geometry.FRAME_STEP * 2 ** doublings(request)
    least = geometry.frames_ceil(max(auto.min_seconds * length.fps, spec.limits.min_frames), step)
    planned = PlannedAutoLength(min(least, length.num_frames), length.num_frames, step)
    _check_shortest(request, spec, planned, findings)
    return Foresight(planned, asked)


def chosen_frames(seconds: float, planned: PlannedAutoLength, fps: float) -> int:
    """Frames of a length that the model has chosen, within what was asked for.

    Cut to the grid as Lightricks do, and never below the fewest.
    """
    wanted = max(planned.min_frames, min(round(seconds * fps), planned.max_frames))
    return max(planned.min_frames, geometry.frames_floor(wanted, planned.step))


def _check_shortest(
    request: GenerationRequest, spec: ModelSpec, planned: PlannedAutoLength, findings: Findings
) -> None:
    """Pictures have to fit into the shortest clip: the model's choice must not refuse them."""
    if findings.problems or not request.conditions:
        return
    near = Findings()
    clip = Timeline(planned.min_frames, 2 ** doublings(request))
    plan_conditions(request.conditions, spec, clip, near)
    for problem in near.problems:
        findings.problem(
            problem.code,
            f"In the shortest clip that auto_length allows: {problem.message}",
            "Raise auto_length.min_seconds, or count frames from the end (-1 = the last).",
            problem.field,
        )
