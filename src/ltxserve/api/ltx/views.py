"""How the LTX dialect shows jobs and errors: pure functions to plain JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ltxserve.api.errors import ErrorForm, Failure
from ltxserve.api.facts import iso

if TYPE_CHECKING:
    from ltxserve.jobs.rows import Job

STATUSES = {
    "queued": "pending",
    "running": "processing",
    "succeeded": "completed",
    "failed": "failed",
    "cancelled": "failed",
}
ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "insufficient_funds_error",
    403: "authentication_error",
    404: "not_found_error",
    413: "request_too_large",
    422: "content_filtered_error",
    429: "rate_limit_error",
    500: "api_error",
    502: "api_error",
    503: "service_unavailable",
    504: "timeout",
    507: "api_error",
    529: "overloaded_error",
}
_BY_CODE = {"too_many_jobs": "concurrency_limit_error"}


def accepted_view(job: Job) -> dict[str, Any]:
    """What a 202 says."""
    return {"id": job.id, "created_at": iso(job.created_at)}


def job_view(job: Job, video_url: str | None) -> dict[str, Any]:
    """A job; `video_url` is there when it completed."""
    view: dict[str, Any] = {
        "id": job.id,
        "status": STATUSES[str(job.state)],
        "created_at": iso(job.created_at),
    }
    if video_url is not None:
        view["result"] = {"video_url": video_url}
        view["completed_at"] = iso(job.finished_at)
    if view["status"] == "failed":
        error = job.error or {"code": "cancelled", "message": "The run was stopped on request."}
        text = f"{error.get('message', '')} {error.get('hint') or ''}".strip()
        view["error"] = {"type": "api_error", "message": text, "code": error.get("code")}
    return view


def error_body(failure: Failure) -> dict[str, Any]:
    """A refused call in the API's form."""
    kind = ERROR_TYPES.get(failure.status, "invalid_request_error")
    return {
        "type": "error",
        "error": {
            "type": _BY_CODE.get(failure.error.code, kind),
            "message": failure.said,
            "code": failure.error.code,
            **failure.figures,
        },
    }


# 422 means filtered content there, which is nothing of ours.
ERRORS = ErrorForm(error_body, {405: 404, 409: 400, 415: 400, 416: 400, 422: 400})
