"""Latent upscalers and control videos: which a model has; refuses the rest, runs none."""

from __future__ import annotations

from ltxserve.catalog import ModelSpec
from ltxserve.engine.findings import Findings, show
from ltxserve.engine.sources import source_problem
from ltxserve.types import Control, Upscale

_KINDS = {"spatial": "doubles the size", "temporal": "doubles the frame rate"}


def check_upscale(upscale: Upscale, spec: ModelSpec, findings: Findings) -> Upscale:
    """The upscalers that will run; problems go to `findings`."""
    for kind, does in _KINDS.items():
        if getattr(upscale, kind) and not getattr(spec.supports, f"upscale_{kind}"):
            findings.problem(
                "upscale_unsupported",
                f"{spec.name} has no upscaler that {does}.",
                f"Leave upscale.{kind} out, or use a model with one.",
                f"upscale.{kind}",
            )
    # Multi-scale models make every clip in two passes.
    twice = spec.sampling.first_pass_scale < 1
    if upscale.spatial and twice:
        findings.warn(f"{spec.name} doubles every clip already: upscale.spatial changes nothing.")
    return Upscale(
        spatial=upscale.spatial and not twice and spec.supports.upscale_spatial,
        temporal=upscale.temporal and spec.supports.upscale_temporal,
    )


def check_controls(
    controls: tuple[Control, ...], spec: ModelSpec, findings: Findings
) -> tuple[Control, ...]:
    """The control videos that will be followed; problems go to `findings`."""
    able = spec.supports.controls
    for i, control in enumerate(controls):
        where = f"controls.{i}"
        if control.kind not in able:
            can = f"It follows {', '.join(able)}." if able else "Leave controls out."
            findings.problem(
                "controls_unsupported",
                f"{spec.name} cannot follow a {control.kind} video.",
                can,
                where,
            )
        if bad := source_problem(control.source):
            findings.problem("source_invalid", bad[0], bad[1], f"{where}.source")
        if not 0 <= control.strength <= 1:
            findings.problem(
                "strength_out_of_range",
                f"The strength is {show(control.strength)}.",
                "Use 0 to 1.",
                f"{where}.strength",
            )
    return controls
