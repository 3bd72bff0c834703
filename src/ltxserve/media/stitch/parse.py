"""Reads a stitch from plain data and turns every structural error into a coded problem."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from ltxserve.errors import Problem, RequestRefused
from ltxserve.media.stitch.nouns import Stitch, StitchClip, Transition
from ltxserve.types import Output

_PARTS: dict[str, type[BaseModel]] = {
    "clips": StitchClip,
    "transition": Transition,
    "output": Output,
}
_MAX_PATH = 100


def parse_stitch(data: Mapping[str, Any]) -> Stitch:
    """Read a stitch from plain data (JSON, form, keyword arguments).

    Raises RequestRefused with one problem per field that cannot be read.
    """
    try:
        return Stitch.model_validate(dict(data))
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        raise RequestRefused(
            _problem(item["type"], item["loc"], item["msg"]) for item in found
        ) from None


def _problem(kind: str, location: tuple[int | str, ...], message: str) -> Problem:
    field = _shown(".".join(str(part) for part in location))
    if kind == "extra_forbidden":
        known = list(_owner(location).model_fields)
        near = difflib.get_close_matches(str(location[-1])[:100], known, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"Known fields: {', '.join(known)}."
        return Problem("unknown_field", "There is no such field.", hint, field)
    if kind == "missing" and field == "clips":
        return Problem("clips_missing", "The clips are missing.", "Name at least one.", field)
    if kind == "missing":
        return Problem("invalid_field", "This field is required.", "Give it a value.", field)
    return Problem("invalid_field", f"{message}.", "Correct the value or leave it out.", field)


def _owner(location: tuple[int | str, ...]) -> type[BaseModel]:
    """The part that the last word of a location would be a field of."""
    owners = [_PARTS[part] for part in location[:-1] if isinstance(part, str) and part in _PARTS]
    return owners[-1] if owners else Stitch


def _shown(path: str) -> str:
    text = path.encode("utf-8", "replace").decode("utf-8")
    return text if len(text) <= _MAX_PATH else text[:_MAX_PATH] + "..."
