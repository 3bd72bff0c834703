"""What callers give, as the bodies of requests; judges nothing, the service does."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from ltxserve.client.views import Job


def body_of(
    request: BaseModel | Mapping[str, Any] | str | None, fields: Mapping[str, Any]
) -> dict[str, Any]:
    """One body from a request (its set fields), a mapping or a prompt, with `fields` laid over."""
    if request is None:
        base: dict[str, Any] = {}
    elif isinstance(request, str):
        base = {"prompt": request}
    else:
        base = dict(plain(request))
    return {**base, **{name: plain(value) for name, value in fields.items() if value is not None}}


def stitch_body(clips: Any, fields: Mapping[str, Any]) -> dict[str, Any]:
    """A stitch's body from its clips: each a source, a finished job, or a clip with details."""
    named = [part if _is_clip(part) else {"source": part} for part in clips]
    return body_of({"clips": named}, fields)


def plain(value: Any) -> Any:
    """The value as JSON data: models give the fields that were set; jobs stay."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_unset=True)
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    return value


def _is_clip(part: Any) -> bool:
    return isinstance(part, Mapping | BaseModel) and not isinstance(part, Job)
