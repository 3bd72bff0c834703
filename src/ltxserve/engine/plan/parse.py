"""Reads a request from plain data and turns every structural error into a coded problem.

Knows the fields' names and types, no model and no limits.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from ltxserve.errors import Problem, RequestRefused
from ltxserve.types import GenerationRequest


def _noun(annotation: Any) -> type[BaseModel] | None:
    """The noun within a field's annotation: of `tuple[Condition, ...] | None`, Condition."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((noun for part in get_args(annotation) if (noun := _noun(part))), None)


_PARTS: dict[str, type[BaseModel]] = {
    name: noun
    for name, field in GenerationRequest.model_fields.items()
    if (noun := _noun(field.annotation))
}
_MAX_PATH = 100
_IN_JSON = {
    "tuple_type": "Input should be a list",
    "dict_type": "Input should be an object",
    "model_type": "Input should be an object",
}
"""What pydantic says in Python's words."""
_TOGETHER = (
    frozenset(("width", "height", "size", "aspect_ratio")),
    frozenset(("num_frames", "seconds", "fps")),
    frozenset(("num_inference_steps", "sigmas")),
    frozenset(("model", "preset")),
)
"""Fields that are judged by each other: without one of them the others say nothing."""
UNREAD_PROMPT = "-"
"""Stands for a prompt that could not be read, so that the rest can be judged."""


def parse_request(data: Mapping[str, Any]) -> GenerationRequest:
    """Read a request from plain data (JSON, form, keyword arguments).

    Raises RequestRefused with one problem per field that cannot be read.
    """
    try:
        return GenerationRequest.model_validate(dict(data))
    except ValidationError as error:
        raise RequestRefused(problems_of(error)) from None


def readable(data: Mapping[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    """What of a request can be read, and what is wrong with the rest.

    Fields that mean nothing without one that cannot be read are left out with it.
    """
    try:
        GenerationRequest.model_validate(dict(data))
    except ValidationError as error:
        problems = problems_of(error)
        bad = {str(item["loc"][0]) for item in error.errors(include_url=False) if item["loc"]}
        bad = bad.union(*(group for group in _TOGETHER if group & bad))
        rest = {name: value for name, value in data.items() if name not in bad}
        return {"prompt": UNREAD_PROMPT, **rest}, problems
    return dict(data), []


def problems_of(
    error: ValidationError,
    owner: type[BaseModel] = GenerationRequest,
    parts: Mapping[str, type[BaseModel]] = _PARTS,
) -> list[Problem]:
    """What pydantic found, as coded problems. owner: what was read; parts: nouns of its fields."""
    found: list[Problem] = []
    for item in error.errors(include_url=False, include_context=False, include_input=False):
        kind, location = item["type"], item["loc"]
        if kind == "extra_forbidden":
            noun = parts.get(str(location[0]), owner) if len(location) > 1 else owner
            found.append(unknown_field(location, list(noun.model_fields)))
        else:
            found.append(_problem(kind, location, item["msg"]))
    return found


def unknown_field(location: tuple[int | str, ...], known: Sequence[str]) -> Problem:
    """The problem of a field that does not exist. known: those that do."""
    near = difflib.get_close_matches(str(location[-1])[:100], known, n=1)
    hint = f"Did you mean {near[0]}?" if near else f"Known fields: {', '.join(known)}."
    return Problem("unknown_field", "There is no such field.", hint, _field(location))


def _problem(kind: str, location: tuple[int | str, ...], message: str) -> Problem:
    field = _field(location)
    if kind == "missing" and field == "prompt":
        hint = "Say what the clip should show."
        return Problem("prompt_empty", "The prompt is missing.", hint, field)
    if kind == "missing":
        return Problem("invalid_field", "This field is required.", "Give it a value.", field)
    told = _IN_JSON.get(kind, message)
    return Problem("invalid_field", f"{told}.", "Correct the value or leave it out.", field)


def _field(location: tuple[int | str, ...]) -> str | None:
    return show_field(".".join(str(part) for part in location))


def show_field(path: str) -> str | None:
    """A field's dotted path as printable text of a sensible length."""
    text = path.encode("utf-8", "replace").decode("utf-8")
    return (text if len(text) <= _MAX_PATH else text[:_MAX_PATH] + "...") or None
