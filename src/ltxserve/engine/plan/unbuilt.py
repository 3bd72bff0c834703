"""Refuses what a model can do and this build cannot yet; the rows say what that is."""

from __future__ import annotations

from ltxserve.catalog import ModelSpec
from ltxserve.engine.findings import Findings
from ltxserve.types import GenerationRequest


def check_unbuilt(request: GenerationRequest, spec: ModelSpec, findings: Findings) -> None:
    """One problem for each field of the request that the row names as not built."""
    for field in spec.unbuilt:
        if field in request.model_fields_set and _asks(getattr(request, field)):
            findings.problem(
                "not_yet_in_this_build",
                f"{spec.title} can do this, but this build cannot yet.",
                f"Leave {field} out.",
                field,
            )


def _asks(value: object) -> bool:
    if hasattr(value, "spatial"):
        return bool(getattr(value, "spatial", False) or getattr(value, "temporal", False))
    return bool(value)
