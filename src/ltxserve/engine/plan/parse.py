"""Reads a request from plain data and turns every structural error into a coded problem.

Knows the fields' names and types, no model and no limits.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from ltxserve.errors import Problem, RequestRefused
from ltxserve.types import (
    Condition,
    Control,
    Extend,
    GenerationRequest,
    GivenSound,
    LoraUse,
    Output,
    Retake,
    Upscale,
    VideoToVideo,
)

_PARTS: dict[str, type[BaseModel]] = {
    "conditions": Condition,
    "loras": LoraUse,
    "controls": Control,
    "video_to_video": VideoToVideo,
    "retake": Retake,
    "extend": Extend,
    "sound": GivenSound,
    "upscale": Upscale,
    "output": Output,
}
_MAX_PATH = 100


def parse_request(data: Mapping[str, Any]) -> GenerationRequest:
    """Read a request from plain data (JSON, form, keyword arguments).

    Raises RequestRefused with one problem per field that cannot be read.
    """
    try:
        return GenerationRequest.model_validate(dict(data))
    except ValidationError as error:
        raise RequestRefused(_problems(error)) from None


def _problems(error: ValidationError) -> list[Problem]:
    return [
        _problem(item["type"], item["loc"], item["msg"])
        for item in error.errors(include_url=False, include_context=False, include_input=False)
    ]


def _problem(kind: str, location: tuple[int | str, ...], message: str) -> Problem:
    field = show_field(".".join(str(part) for part in location))
    if kind == "extra_forbidden":
        known = _known_fields(location)
        near = difflib.get_close_matches(str(location[-1])[:100], known, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"Known fields: {', '.join(known)}."
        return Problem("unknown_field", "There is no such field.", hint, field)
    if kind == "missing" and field == "prompt":
        hint = "Say what the clip should show."
        return Problem("prompt_empty", "The prompt is missing.", hint, field)
    if kind == "missing":
        return Problem("invalid_field", "This field is required.", "Give it a value.", field)
    return Problem("invalid_field", f"{message}.", "Correct the value or leave it out.", field)


def show_field(path: str) -> str | None:
    """A field's dotted path as printable text of a sensible length."""
    text = path.encode("utf-8", "replace").decode("utf-8")
    return (text if len(text) <= _MAX_PATH else text[:_MAX_PATH] + "...") or None


def _known_fields(location: tuple[int | str, ...]) -> list[str]:
    owner = _PARTS.get(str(location[0]), GenerationRequest) if len(location) > 1 else None
    return list((owner or GenerationRequest).model_fields)
