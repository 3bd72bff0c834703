"""What a job's answer looks like, and whether RunPod can carry it; pure, knows no engine.

The SDK drops what it cannot turn into JSON, and RunPod what is too large, both without a word to
the caller. So everything is judged here, before it is returned.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ltxserve.errors import InsufficientCredits, LtxserveError, RequestRefused

MAX_BODY = 10 * 1000 * 1000
"""Bytes of a result that every way of asking RunPod carries (`/run`; `/runsync` has twice that)."""
MAX_INLINE = 7 * 2**20
"""Bytes of files that fit a result as base64, which is a third more, with room for the rest."""
RETRYABLE = frozenset(
    (
        "worker_lost",
        "device_broken",
        "storage_unavailable",
        "media_fetch_failed",
        "hub_unavailable",
        "storage_full",
    )
)
"""Codes of failures that another worker, or a later time, may not see."""
_LONGEST = 4000
Output = dict[str, Any]


def failure(error: LtxserveError, for_pool: bool = False) -> Output:
    """The answer of a job that failed: a string `error`, and its structure beside it.

    RunPod takes `error` out and counts the job as FAILED. for_pool: another service of ours reads
    it, which shows the hint itself.
    """
    told = _plainly(error, for_pool)
    answer: Output = {
        "ok": False,
        "error": f"{error.code}: {told}"[:_LONGEST],
        "error_code": error.code,
        "message": error.message[:_LONGEST],
        "hint": error.hint[:_LONGEST],
        "field": error.field,
        "retryable": error.code in RETRYABLE,
    }
    if isinstance(error, RequestRefused):
        answer["problems"] = [problem.to_dict() for problem in error.problems]
    if isinstance(error, InsufficientCredits):
        answer["details"] = {"price": error.price, "balance": error.balance}
    return answer


def _plainly(error: LtxserveError, for_pool: bool) -> str:
    return error.message if for_pool else f"{error.message} {error.hint}".strip()


def checked(output: Mapping[str, Any], limit: int = MAX_BODY) -> Output:
    """The output as RunPod can carry it, or else a failure that says what to do."""
    clean = _readable(dict(output))
    try:
        size = len(json.dumps(clean, ensure_ascii=False, allow_nan=False).encode())
    except (TypeError, ValueError, RecursionError):
        broken = LtxserveError(
            "internal_error",
            "The result cannot be written as JSON.",
            "This is a bug worth reporting; the worker's log tells more.",
        )
        return failure(broken)
    return clean if size <= limit else failure(too_large(size, limit))


def too_large(size: int, limit: int) -> LtxserveError:
    """The error for a result that RunPod would drop."""
    return LtxserveError(
        "result_too_large",
        f"The result is {size / 1e6:.1f} MB, and RunPod carries {limit / 1e6:.1f} MB.",
        "Set SUPABASE_URL, SUPABASE_SERVICE_ROLE_KEY and SUPABASE_BUCKET (or LTXSERVE_STORE) at "
        "the endpoint, or give upload_url or s3 in the input, or ask for a smaller clip.",
    )


def _readable(value: Any) -> Any:
    """The same with text that can be sent: callers' JSON can hold half characters."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, Mapping):
        return {_readable(str(key)): _readable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_readable(item) for item in value]
    return value
