"""What OpenAI-style bodies ask for, as requests of ours: pure; files are already uploads."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ltxserve.errors import Problem, RequestRefused

_NUMBER = re.compile(r"\d{1,6}(\.\d{1,6})?")
_OWN = frozenset({"prompt", "model", "seconds", "size", "input_reference"})
_ENVELOPE = ("webhook_url", "metadata", "priority", "timeout_seconds")
_REFERENCE_KEYS = ("image_url", "file_id", "id", "url")


@dataclass(frozen=True)
class Create:
    """A `client.videos.create`: the request, where its reference comes from, if anywhere, and
    what this service takes beside it (webhook_url, metadata, priority, timeout_seconds)."""

    request: dict[str, Any]
    reference: str | None
    envelope: dict[str, Any]


def read_create(fields: Mapping[str, Any]) -> Create:
    """The request of a create body; fields beyond OpenAI's own are those of the native request.

    Raises RequestRefused for seconds, size or a reference that cannot be read.
    """
    envelope = {key: fields[key] for key in _ENVELOPE if key in fields}
    taken = {*_OWN, *envelope}
    request = {key: value for key, value in fields.items() if key not in taken}
    request["prompt"] = fields.get("prompt", "")
    if fields.get("model") not in (None, ""):
        request["model"] = fields["model"]
    if fields.get("seconds") not in (None, ""):
        request["seconds"] = read_seconds(fields["seconds"])
    if fields.get("size") not in (None, "", "auto"):
        request["size"] = fields["size"]
    reference = read_reference(fields.get("input_reference"), "input_reference")
    return Create(request, reference, envelope)


def read_seconds(value: Any) -> float:
    """Seconds as a number or decimal text, such as "4" or "5.04". Raises RequestRefused."""
    text = str(value).strip()
    if isinstance(value, bool) or not _NUMBER.fullmatch(text):
        raise _wrong("seconds", "The seconds are not a decimal number.", 'Use for example "4".')
    return float(text)


def read_reference(value: Any, field: str) -> str | None:
    """A picture or video by URL, data URI or id: as text, or as an object that holds one.

    Raises RequestRefused.
    """
    if value in (None, "", {}):
        return None
    if isinstance(value, Mapping):
        given = [value[key] for key in _REFERENCE_KEYS if value.get(key)]
        value = given[0] if len(given) == 1 else None
        if isinstance(value, Mapping):  # image_url may be {"url": ...}, as in chat messages
            value = value.get("url")
    if isinstance(value, str) and value:
        return value
    hint = f'Send a file, or {{"{_REFERENCE_KEYS[0]}": ...}}, or {{"{_REFERENCE_KEYS[1]}": ...}}.'
    raise _wrong(field, f"The {field} names no file.", hint)


def required_prompt(fields: Mapping[str, Any]) -> str:
    """The prompt of an edit, remix or extension. Raises RequestRefused `prompt_empty`."""
    prompt = fields.get("prompt")
    if isinstance(prompt, str) and prompt.strip():
        return prompt
    problem = Problem(
        "prompt_empty", "The prompt is missing.", "Say what to change or what comes next.", "prompt"
    )
    raise RequestRefused([problem])


def _wrong(field: str, message: str, hint: str) -> RequestRefused:
    return RequestRefused([Problem("invalid_field", message, hint, field)])
