"""Decides which adapter follows a control video, and how large the model sees it; opens no file."""

from __future__ import annotations

from dataclasses import dataclass

from ltxserve.catalog import Catalog, LoraSpec, ModelSpec
from ltxserve.engine.findings import Findings, show
from ltxserve.engine.geometry import latent_tokens
from ltxserve.engine.loras import PlannedLora, planned_row
from ltxserve.engine.plan.nouns import PlannedControl
from ltxserve.engine.sources import video_problem
from ltxserve.engine.upscale import check_controls
from ltxserve.types import Control, GenerationRequest, Shape

COMPUTED = ("canny",)
"""Kinds that are made here of a plain video; of others, control videos are given ready."""
_EXCLUDED = ("video_to_video", "retake", "extend")


@dataclass(frozen=True)
class Controls:
    """The control videos of a plan and the adapters of the pass that follows them."""

    planned: tuple[PlannedControl, ...] = ()
    loras: tuple[PlannedLora, ...] = ()

    @property
    def downscale(self) -> int:
        """The clip's first pass has to divide by so many times the model's own divisor."""
        return max((control.downscale for control in self.planned), default=1)

    def tokens(self, shape: Shape) -> int:
        """Tokens that the model sees of them besides those of a clip of this shape."""
        return sum(
            latent_tokens(shape.width // c.downscale, shape.height // c.downscale, shape.num_frames)
            for c in self.planned
        )


NONE = Controls()


def plan_controls(
    request: GenerationRequest, spec: ModelSpec, catalog: Catalog, findings: Findings
) -> Controls:
    """Controls with their adapters; problems go to `findings`."""
    if not request.controls:
        return NONE
    check_controls(request.controls, spec, findings)
    for name in _EXCLUDED:
        if getattr(request, name) is not None:
            findings.problem(
                "conflicting_fields",
                f"{name} and controls cannot be combined.",
                "Ask for one of them.",
                "controls",
            )
    rows: list[LoraSpec] = []
    planned: list[PlannedControl] = []
    for number, control in enumerate(request.controls):
        _judge(control, f"controls.{number}", findings)
        row = _row(control.kind, spec, catalog)
        if row is not None:
            rows.append(row)
            planned.append(_planned(control, row))
    if len(request.controls) > spec.limits.max_conditions:
        findings.problem(
            "too_many_conditions",
            f"{len(request.controls)} control videos.",
            f"{spec.name} takes at most {spec.limits.max_conditions}.",
            "controls",
        )
    loras = tuple(planned_row(row, row.strength) for row in dict.fromkeys(rows))
    return Controls(tuple(planned), loras)


def _judge(control: Control, where: str, findings: Findings) -> None:
    if bad := video_problem(control.source):
        findings.problem("source_invalid", bad[0], bad[1], f"{where}.source")
    if control.kind in COMPUTED:
        return
    if control.compute:
        findings.problem(
            "controls_unsupported",
            f"This build makes no {control.kind} video of another one.",
            f"Give a ready {control.kind} video and leave compute out; canny is computed.",
            f"{where}.compute",
        )
    else:
        findings.warn(f"{show(control.source)} is taken as a ready {control.kind} video.")


def _planned(control: Control, row: LoraSpec) -> PlannedControl:
    compute = control.kind in COMPUTED if control.compute is None else control.compute
    return PlannedControl(
        control.kind, control.source, control.strength, compute, row.reference_downscale
    )


def _row(kind: str, spec: ModelSpec, catalog: Catalog) -> LoraSpec | None:
    """The adapter of this kind alone, or else one that also knows others."""
    fitting = (
        row
        for row in catalog.loras.values()
        if row.kind == "ic" and kind in row.control and spec.name.startswith(row.base)
    )
    return min(fitting, key=lambda row: len(row.control), default=None)
