"""What a worker's `input` means in requests of ours; pure. Knows the field names of workers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ltxserve.errors import LtxserveError, Problem, RequestRefused

PRESET = "runpod-ltx2"
"""The catalog's preset with this dialect's model and defaults."""
ALIASES = {
    "steps": "num_inference_steps",
    "guidance": "guidance_scale",
    "cfg": "guidance_scale",
    "length": "num_frames",
    "duration": "seconds",
    "frame_rate": "fps",
}
IMAGES = ("image", "image_url", "image_base64")
DELIVERY = ("return_signed_url", "return_base64")
EXECUTION_MS = (5_000, 7 * 86_400_000)
TTL_MS = (10_000, 7 * 86_400_000)


@dataclass(frozen=True)
class Asked:
    """A run: the request, its envelope, and how the clip is to be given back."""

    request: dict[str, Any]
    webhook: str | None = None
    timeout_seconds: float | None = None
    low_priority: bool = False
    inline: bool = False
    signed: bool = True


def read(body: Mapping[str, Any]) -> Asked:
    """What a `run` body asks for. Raises RequestRefused, or `body_invalid` without `input`."""
    given = body.get("input")
    if not isinstance(given, Mapping):
        raise LtxserveError(
            "body_invalid", 'The body has no object named "input".', 'Send {"input": {...}}.'
        )
    while set(given) == {"input"} and isinstance(given["input"], Mapping):
        given = given["input"]  # the SDK wraps an empty input twice
    policy = body.get("policy")
    policy = policy if isinstance(policy, Mapping) else {}
    webhook = body.get("webhook")
    return Asked(
        request=read_input(given),
        webhook=webhook if isinstance(webhook, str) and webhook else None,
        timeout_seconds=_seconds(policy.get("executionTimeout"), EXECUTION_MS),
        low_priority=policy.get("lowPriority") is True,
        inline=given.get("return_base64") is True,
        signed=given.get("return_signed_url") is not False,
    )


def read_input(given: Mapping[str, Any]) -> dict[str, Any]:
    """The request of an `input` object; its other fields are those of the native request."""
    request = {
        ALIASES.get(name, name): value
        for name, value in given.items()
        if value is not None and name not in {*IMAGES, *DELIVERY, "mode", "file_name"}
    }
    output = {"format": request.pop("output_format", None), "file_name": given.get("file_name")}
    if any(output.values()) and "output" not in request:
        request["output"] = {key: value for key, value in output.items() if value}
    images = [_image(name, given[name]) for name in IMAGES if given.get(name)]
    _check_mode(given.get("mode"), bool(images) or bool(request.get("conditions")))
    if images:
        request.setdefault("conditions", [{"source": images[0], "frame": 0}])
    request.setdefault("prompt", "")
    return request


def _image(name: str, value: Any) -> Any:
    is_base64 = name == "image_base64" or (
        name == "image" and isinstance(value, str) and len(value) > 512 and "://" not in value[:10]
    )
    if is_base64 and isinstance(value, str) and not value.lower().startswith("data:"):
        return f"data:application/octet-stream;base64,{value}"
    return value


def _check_mode(mode: Any, has_image: bool) -> None:
    if mode is None or (mode == "t2v" and not has_image) or (mode == "i2v" and has_image):
        return
    if mode in ("t2v", "i2v"):
        message = f"The mode is {mode}, but there is {'an' if has_image else 'no'} image."
        problem = Problem("conflicting_fields", message, "i2v takes an image, t2v none.", "mode")
    else:
        problem = Problem("invalid_field", "There is no such mode.", "Use t2v or i2v.", "mode")
    raise RequestRefused([problem])


def _seconds(milliseconds: Any, span: tuple[int, int]) -> float | None:
    if isinstance(milliseconds, bool) or not isinstance(milliseconds, (int, float)):
        return None
    return max(span[0], min(span[1], milliseconds)) / 1000
