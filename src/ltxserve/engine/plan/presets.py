"""Fills a request from its preset; the caller's own values win, except in locked fields.

A field counts as the caller's own when it differs from its default: a request stays the same
when it is stored as JSON and read back, which "was it mentioned" would not survive.
"""

from __future__ import annotations

from ltxserve.catalog import Catalog
from ltxserve.engine.findings import Findings, show
from ltxserve.errors import LtxserveError
from ltxserve.types import GenerationRequest

_SAME_CHOICE = (
    ("width", "height", "size", "aspect_ratio"),
    ("num_frames", "seconds", "auto_length"),
    ("num_inference_steps", "sigmas"),
)
"""Fields that say the same thing in different ways: one of the caller's replaces them all."""


def apply_preset(
    request: GenerationRequest, catalog: Catalog, findings: Findings
) -> GenerationRequest:
    """The request with its preset's values where it says nothing itself."""
    if request.preset is None:
        return request
    try:
        preset = catalog.preset(request.preset)
    except LtxserveError as error:
        findings.problem(error.code, error.message, error.hint, "preset")
        return request
    values = GenerationRequest(prompt="", **preset.values)
    own = {n for n, f in GenerationRequest.model_fields.items() if getattr(request, n) != f.default}
    for name in preset.locked:
        if name in own and getattr(request, name) != getattr(values, name):
            findings.problem(
                "conflicting_fields",
                f"Preset {preset.name} decides {name}; the request says "
                f"{show(getattr(request, name))}.",
                f"Leave {name} out, or use no preset.",
                name,
            )
    own -= set(preset.locked)
    for group in _SAME_CHOICE:
        if own & set(group):
            own |= set(group)
    filled = {name: getattr(values, name) for name in preset.values if name not in own}
    findings.presets |= dict.fromkeys(filled, preset.name)
    return request.model_copy(update=filled)
