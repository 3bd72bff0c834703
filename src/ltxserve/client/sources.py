"""Local files in a request are uploaded first: the service reads no path of the caller's."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ltxserve.client import views
from ltxserve.client.flows import call
from ltxserve.client.steps import Flow, Request
from ltxserve.client.views import Job, Upload
from ltxserve.errors import MediaError

_LISTS = ("conditions", "controls", "clips")
_PARTS = ("video_to_video", "retake", "extend", "sound")
_NO_PATH = re.compile(r"(?i)(https?|data):")


def upload(path: Path) -> Flow[Upload]:
    """Hand a file to the service. Raises MediaError `media_not_found` if it is not here."""
    if not path.is_file():
        raise MediaError("media_not_found", f"{path} does not exist.", "Check the path.")
    request = Request("POST", "/api/uploads", file=("file", path), timeout=300)
    return (yield from call(request, views.upload))


def settled(body: Mapping[str, Any]) -> Flow[dict[str, Any]]:
    """The body with every local file uploaded, each once, and named by its id."""
    body = copy.deepcopy(dict(body))
    known: dict[Path, str] = {}
    for part in _with_source(body):
        source = part["source"]
        if isinstance(source, Job):
            part["source"] = source.id
            continue
        path = _local(source)
        if path is None:
            continue
        if path not in known:
            known[path] = (yield from upload(path)).id
        part["source"] = known[path]
    return body


def _with_source(body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for name in _LISTS:
        parts = body.get(name)
        for part in parts if isinstance(parts, list | tuple) else ():
            if isinstance(part, dict) and "source" in part:
                yield part
    for name in _PARTS:
        part = body.get(name)
        if isinstance(part, dict) and "source" in part:
            yield part


def _local(source: Any) -> Path | None:
    """The file that a source names; None for URLs, data URIs, ids and things that are no text."""
    if not isinstance(source, str) or _NO_PATH.match(source):
        return None
    try:
        path = Path(source).expanduser()
        return path if path.is_file() else None
    except (OSError, ValueError, RuntimeError):  # too long, NUL inside, unknown ~user
        return None
