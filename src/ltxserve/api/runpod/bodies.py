"""What a `run` body of RunPod's means here: the envelope's words, and the worker's own input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ltxserve.errors import LtxserveError
from ltxserve.runpod import schema
from ltxserve.runpod.schema import Reading, unwrapped

PRESET = "runpod-ltx2"
"""The catalog's preset with this dialect's model and defaults."""
ELSEWHERE = {
    "prompts": "Send a job for each prompt, or use `prompts` of POST /api/generations.",
    "stitch": "Use POST /api/stitches.",
    "upload_url": "Take the file from the output's link; the service keeps it.",
    "s3": "Take the file from the output's link; the service's own store is the operator's choice.",
}
"""Words of a worker that mean another way of working here -> what to do."""
EXECUTION_MS = (5_000, 7 * 86_400_000)


@dataclass(frozen=True)
class Asked:
    """A run: its input, its envelope, and how the clip is to be given back."""

    reading: Reading
    webhook: str | None = None
    timeout_seconds: float | None = None
    low_priority: bool = False

    @property
    def request(self) -> dict[str, Any]:
        """The fields of a request, as far as they could be read."""
        return self.reading.request

    @property
    def inline(self) -> bool:
        """Whether the clip itself is to be in the answer."""
        return self.reading.extras.return_base64

    @property
    def signed(self) -> bool:
        """Whether links are to be signed."""
        return self.reading.extras.return_signed_url


def read(body: Mapping[str, Any]) -> Asked:
    """What a `run` body asks for; what is wrong with its input is in the reading.

    Raises `body_invalid` without `input`, RequestRefused for one that is no input at all.
    """
    given = body.get("input")
    if not isinstance(given, Mapping):
        raise LtxserveError(
            "body_invalid", 'The body has no object named "input".', 'Send {"input": {...}}.'
        )
    policy = body.get("policy")
    policy = policy if isinstance(policy, Mapping) else {}
    webhook = body.get("webhook")
    return Asked(
        reading=_read_input(unwrapped(given)),
        webhook=webhook if isinstance(webhook, str) and webhook else None,
        timeout_seconds=_seconds(policy.get("executionTimeout"), EXECUTION_MS),
        low_priority=policy.get("lowPriority") is True,
    )


def _read_input(given: Mapping[str, Any]) -> Reading:
    reading = schema.read(given)
    for name, hint in ELSEWHERE.items():
        if given.get(name) is not None:
            message = f"{name} is for workers alone."
            reading.say("unknown_field", message, hint, name)
    if given.get("file_name") is not None:
        output = dict(reading.request.get("output") or {})
        output.setdefault("file_name", reading.extras.file_name)
        reading.request["output"] = output
    return reading


def _seconds(milliseconds: Any, span: tuple[int, int]) -> float | None:
    if isinstance(milliseconds, bool) or not isinstance(milliseconds, (int, float)):
        return None
    return max(span[0], min(span[1], milliseconds)) / 1000
