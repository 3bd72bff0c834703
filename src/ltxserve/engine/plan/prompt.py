"""Judges the prompt as text; what its words mean is the model's business."""

from __future__ import annotations

from ltxserve.catalog import ModelSpec
from ltxserve.engine.findings import Findings

MAX_CHARACTERS = 5000


def check_text(prompt: str, negative_prompt: str | None, findings: Findings) -> None:
    """Refuse an empty prompt and texts beyond the limit of hosted services (5000 characters)."""
    if not prompt.strip():
        findings.problem(
            "prompt_empty", "The prompt is empty.", "Say what the clip should show.", "prompt"
        )
    for field, text in (("prompt", prompt), ("negative_prompt", negative_prompt or "")):
        if len(text) > MAX_CHARACTERS:
            findings.problem(
                "prompt_too_long",
                f"The text has {len(text)} characters.",
                f"Use at most {MAX_CHARACTERS}.",
                field,
            )


def warn_of_length(prompt: str, spec: ModelSpec, findings: Findings) -> None:
    """Say when a prompt surely has more words than the text encoder reads tokens."""
    words = len(prompt.split())
    if words > spec.text_encoder.max_tokens:
        findings.warn(
            f"The prompt has {words} words; {spec.name} reads about the first "
            f"{spec.text_encoder.max_tokens}."
        )
