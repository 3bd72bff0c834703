"""What a native body says beside the request itself; knows field types, no model and no limit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from ltxserve.api.body import parsed
from ltxserve.service.submission import Submission
from ltxserve.types import GenerationRequest


class Envelope(BaseModel):
    """How a request is to be run, beside what it asks for.

    prompts: a batch, one clip each, in place of `prompt`. count: so many variations of each.
    webhook_url: told of the end by a signed POST. priority: higher goes first within the account.
    metadata: the caller's own notes, given back with the job. timeout_seconds: of the run.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompts: tuple[str, ...] = ()
    count: int = 1
    webhook_url: str | None = None
    priority: int = 0
    metadata: dict[str, str] = Field(default_factory=dict, max_length=32)
    timeout_seconds: float | None = None


class GenerationBody(GenerationRequest, Envelope):
    """Everything a native body can say, for the documentation."""

    prompt: str = ""


def read(body: Mapping[str, Any], idempotency_key: str | None = None) -> Submission:
    """What a body submits. Raises RequestRefused for an envelope of wrong types."""
    request, envelope = split(body)
    return Submission(
        request=request,
        count=envelope.count,
        prompts=envelope.prompts,
        idempotency_key=idempotency_key,
        webhook_url=envelope.webhook_url,
        priority=envelope.priority,
        metadata=envelope.metadata,
        timeout_seconds=envelope.timeout_seconds,
    )


def split(body: Mapping[str, Any]) -> tuple[dict[str, Any], Envelope]:
    """A body's request and its envelope. Raises RequestRefused for an envelope that is wrong."""
    names = set(Envelope.model_fields)
    request = {key: value for key, value in body.items() if key not in names}
    return request, parsed(Envelope, {k: v for k, v in body.items() if k in names})
