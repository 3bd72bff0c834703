"""RunPod's states and errors in the words of a pool; pure, it asks nobody."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ltxserve.errors import CODES, Cancelled, LtxserveError
from ltxserve.pool.base import Json, WorkState

RUNNING = ("IN_QUEUE", "IN_PROGRESS", "RUNNING")
_LONGEST = 500
# What RunPod itself says of a run whose worker died; the work is not to blame for certain.
_DEATHS = re.compile(r"retries|worker (?:exited|died|crashed|was lost)|unhealthy", re.IGNORECASE)
_CODED = re.compile(r"([A-Za-z][A-Za-z0-9_]*): (.+)", re.DOTALL)


@dataclass(frozen=True)
class Ending:
    """How a run ended."""

    state: WorkState
    result: Json | None = None
    error: Json | None = None


def ending_of(told: Mapping[str, Any], cancelled: bool) -> Ending | None:
    """The end that an answer of /status tells of, None = it goes on.

    cancelled: whether we asked for that; if not, somebody else emptied the queue.
    """
    status = told.get("status")
    if status in RUNNING:
        return None
    if status == "COMPLETED":
        return _completed(told.get("output"))
    if status == "FAILED":
        return _failed(told.get("error"), told.get("output"))
    if status == "CANCELLED" and cancelled:
        return Ending("failed", error=Cancelled().to_dict())
    if status == "TIMED_OUT":
        return _ended("failed", "job_timed_out", "The run took longer than RunPod lets it.")
    return _ended("lost", "worker_lost", f"RunPod ended the run: {str(status)[:40]}.")


def _completed(output: Any) -> Ending:
    if isinstance(output, list):  # of a handler that yields: updates, and the result at last
        output = output[-1] if output else None
    if not isinstance(output, dict):
        return _ended("failed", "generation_failed", "The run at RunPod gave no result.")
    if output.get("error"):  # some handlers report failures as COMPLETED
        return _failed(output["error"], output)
    return Ending("succeeded", result=output)


def _failed(error: Any, output: Any) -> Ending:
    """A handler's error: coded in the output, "CODE: text", or the SDK's JSON of an exception."""
    detail = output if isinstance(output, dict) else {}
    code = str(detail.get("error_code") or "").lower()
    text = str(error or "The run at RunPod failed without a reason.")
    match = _CODED.fullmatch(text)
    if match is not None and match[1].lower() in CODES:
        code, text = code or match[1].lower(), match[2]
    if code in CODES:
        hint = str(detail.get("hint") or "")
        lost = code in ("worker_lost", "device_broken")
        return _ended("lost" if lost else "failed", code, text, hint)
    if _DEATHS.search(text):
        return _ended("lost", "worker_lost", f"The worker at RunPod was lost: {text}")
    return _ended("failed", "generation_failed", _plain(text))


def _plain(text: str) -> str:
    """Without the trace and the host's name that the SDK puts into its errors."""
    try:
        told = json.loads(text)
    except ValueError:
        return text
    return str(told.get("error_message") or text) if isinstance(told, dict) else text


def _ended(state: WorkState, code: str, message: str, hint: str = "") -> Ending:
    return Ending(state, error=LtxserveError(code, message[:_LONGEST], hint).to_dict())
