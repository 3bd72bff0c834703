"""Answers that are refusals become the same errors that the library raises, code and hint kept."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from ltxserve.errors import (
    AccessDenied,
    Cancelled,
    ConfigurationError,
    Conflict,
    DatabaseUnavailable,
    GenerationFailed,
    InsufficientCredits,
    LimitReached,
    LtxserveError,
    MediaError,
    ModelUnavailable,
    NotFound,
    OutOfMemory,
    Problem,
    RequestRefused,
    ServiceUnavailable,
    StorageError,
)

_BY_CODE: dict[str, type[LtxserveError]] = {
    "cancelled": Cancelled,
    "out_of_memory": OutOfMemory,
    "generation_failed": GenerationFailed,
    "worker_lost": GenerationFailed,
    "device_broken": GenerationFailed,
    "unauthorized": AccessDenied,
    "forbidden": AccessDenied,
    "origin_refused": AccessDenied,
    "database_unavailable": DatabaseUnavailable,
    "encoder_missing": MediaError,
    "url_refused": MediaError,
    "backend_missing": ModelUnavailable,
    "licence_not_accepted": ModelUnavailable,
    "repository_gated": ModelUnavailable,
    "hub_unavailable": ModelUnavailable,
    "download_corrupt": ModelUnavailable,
    "settings_invalid": ConfigurationError,
    "catalog_invalid": ConfigurationError,
}
_BY_START: tuple[tuple[str, type[LtxserveError]], ...] = (
    ("media_", MediaError),
    ("weights_", ModelUnavailable),
    ("storage_", StorageError),
)
_BY_STATUS: dict[int, type[LtxserveError]] = {
    401: AccessDenied,
    403: AccessDenied,
    404: NotFound,
    409: Conflict,
    429: LimitReached,
}
_CREDITS = re.compile(r"costs (\d+) credits\D+(\d+)")
_SHOWN = 200


def error_of(data: Mapping[str, Any], status: int = 0) -> LtxserveError:
    """The error in a problem's body or in a job; of the class its code belongs to."""
    code = str(data.get("code") or "internal_error")
    message = str(data.get("detail") or data.get("message") or data.get("title") or code)
    hint, field = str(data.get("hint") or ""), data.get("field")
    problems = data.get("problems")
    if code == "request_refused" and isinstance(problems, list) and problems:
        return RequestRefused(_problem(item) for item in problems)
    if code == "insufficient_credits":
        return _credits(data, message)
    return _class(code, status)(code, message, hint, field)


def from_answer(status: int, media_type: str, body: bytes) -> LtxserveError:
    """The error in an answer of status 400 or more, whoever wrote it."""
    try:
        data = json.loads(body) if "json" in media_type else None
    except ValueError:
        data = None
    if isinstance(data, dict) and ("code" in data or "detail" in data):
        return error_of(data, status)
    text = " ".join(body.decode("utf-8", "replace").split())[:_SHOWN]
    return ServiceUnavailable(
        "service_answer_invalid",
        f"The service answered with status {status}" + (f": {text}" if text else "."),
        "Check that the address is that of an ltxserve service.",
    )


def unreachable(server: str, why: str) -> ServiceUnavailable:
    """No answer at all."""
    return ServiceUnavailable(
        "service_unreachable",
        f"{server} does not answer: {why}.",
        "Check the address, and that the service runs.",
    )


def unreadable_answer(what: str) -> ServiceUnavailable:
    """An answer that is not what it should be."""
    return ServiceUnavailable(
        "service_answer_invalid",
        f"The service's answer cannot be read as {what}.",
        "Use a client and a service of the same version.",
    )


def too_late(job_id: str, state: str, seconds: float) -> ServiceUnavailable:
    """The job goes on, but nobody waits any longer."""
    return ServiceUnavailable(
        "wait_timed_out",
        f"Job {job_id} is still {state} after {seconds:g} s.",
        "It goes on running: wait again, or cancel it.",
    )


def _class(code: str, status: int) -> type[LtxserveError]:
    if code in _BY_CODE:
        return _BY_CODE[code]
    for start, kind in _BY_START:
        if code.startswith(start):
            return kind
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status == 0:
        return GenerationFailed  # in a job: the run is what failed
    return ServiceUnavailable if status >= 500 else LtxserveError


def _problem(item: Mapping[str, Any]) -> Problem:
    return Problem(
        str(item.get("code")), str(item.get("message")), str(item.get("hint")), item.get("field")
    )


def _credits(data: Mapping[str, Any], message: str) -> InsufficientCredits:
    price, balance = data.get("price"), data.get("balance")
    if not isinstance(price, int) or not isinstance(balance, int):
        found = _CREDITS.search(message)
        price, balance = (int(found[1]), int(found[2])) if found else (0, 0)
    return InsufficientCredits(price, balance)
