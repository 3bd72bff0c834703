"""What the simple dialect's fields mean in requests of ours; pure, and forgiving about names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ltxserve.errors import Problem, RequestRefused
from ltxserve.types import GenerationRequest

PRESET = "editor"
"""The catalog's preset with this dialect's model and defaults."""

ALIASES = {
    "frame_rate": "fps",
    "frames": "num_frames",
    "duration": "seconds",
    "steps": "num_inference_steps",
    "inference_steps": "num_inference_steps",
    "cfg_scale": "guidance_scale",
    "guidance": "guidance_scale",
    "stg_rescale": "guidance_rescale",
    "rescaling_scale": "guidance_rescale",
    "stg_layers": "stg_blocks",
    "stg_layer": "stg_blocks",
    "stg_skip_layers": "stg_blocks",
    "stg_block_list": "stg_blocks",
    "skip_block_list": "stg_blocks",
    "negative": "negative_prompt",
    "model_name": "model",
}
_IMAGES = ("image", "image_url", "image_base64")
_MODES = ("attention_values", "stg_av")
_NUMBERS = {
    **dict.fromkeys(("width", "height", "num_frames", "seed", "num_inference_steps"), int),
    **dict.fromkeys(("fps", "seconds", "guidance_scale", "stg_scale", "guidance_rescale"), float),
}


@dataclass(frozen=True)
class Asked:
    """A request, and the names of fields that mean nothing here and were left aside."""

    request: dict[str, Any]
    ignored: tuple[str, ...]


def read(body: Mapping[str, Any]) -> Asked:
    """The request of a body. Raises RequestRefused for an stg_mode or list that cannot be read."""
    request: dict[str, Any] = {"prompt": body.get("prompt", "")}
    ignored: list[str] = []
    for name, value in body.items():
        field = ALIASES.get(name, name)
        if field in {"prompt", *_IMAGES} or value is None or value == "":
            continue
        if field == "stg_mode":
            _check_mode(value)
        elif field == "stg_blocks":
            request[field] = _blocks(value)
        elif field in GenerationRequest.model_fields:
            request[field] = _number(field, value)
        else:
            ignored.append(name)
    images = [body[name] for name in _IMAGES if body.get(name)]
    if images:
        request["conditions"] = [{"source": _source(images[0]), "frame": 0}]
    return Asked(request, tuple(ignored))


def _source(image: Any) -> Any:
    """A URL, data URI or id as it is; anything long besides is taken as base64."""
    if isinstance(image, str) and len(image) > 512 and not re.match(r"(?i)data:|https?:", image):
        return f"data:application/octet-stream;base64,{image}"
    return image


def _number(field: str, value: Any) -> Any:
    """Numbers that came as text, as forms and loose clients send them; others as they are."""
    kind = _NUMBERS.get(field)
    if kind is None or not isinstance(value, str):
        return value
    if field == "seed" and value.strip() in {"-1", "random"}:
        return None
    try:
        return kind(value)
    except ValueError:
        return value  # refused by name, with its type, when the request is read


def _check_mode(value: Any) -> None:
    if value not in _MODES:
        hint = f"Use {_MODES[0]}, or leave stg_mode out."
        problem = Problem("guidance_unsupported", "There is no such STG mode.", hint, "stg_mode")
        raise RequestRefused([problem])


def _blocks(value: Any) -> Any:
    if isinstance(value, int):
        return [value]
    if isinstance(value, str):
        parts = [part.strip() for part in value.strip("[] ").split(",")]
        if all(part.isdecimal() and len(part) < 6 for part in parts):
            return [int(part) for part in parts]
    return value
