"""Whether a clip gets sound: what the model makes, what the format carries; makes no sound."""

from __future__ import annotations

from ltxserve.catalog import ModelSpec
from ltxserve.engine.findings import Findings

SILENT_FORMATS = ("gif", "png")


def plan_audio(wanted: bool | None, format: str, spec: ModelSpec, findings: Findings) -> bool:
    """Whether sound is made and delivered; None = when model and format can."""
    if wanted and not spec.supports.audio:
        findings.problem(
            "audio_unsupported",
            f"{spec.name} makes no sound.",
            "Leave audio out, or use an LTX-2 model.",
            "audio",
        )
    if wanted and format in SILENT_FORMATS:
        findings.warn(f"A {format} carries no sound: the clip is delivered without it.")
    return wanted is not False and spec.supports.audio and format not in SILENT_FORMATS
