"""How the OpenAI dialect shows jobs, pages and errors: pure functions to plain JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ltxserve.api.errors import ErrorForm, Failure, problems_of
from ltxserve.api.facts import eta_of, extent_of, is_over, model_of, percent_of, prompt_of, whole

if TYPE_CHECKING:
    from ltxserve.jobs.rows import Job

NOTES = "openai"
"""Under this name a job's metadata holds what only this dialect knows of it."""
STATUSES = {
    "queued": "queued",
    "running": "in_progress",
    "succeeded": "completed",
    "failed": "failed",
    "cancelled": "failed",  # the SDK knows no other end; error.code says "cancelled"
}
VARIANTS = {"video": "video", "thumbnail": "thumbnail", "spritesheet": "preview"}
"""Variant of `download_content` -> name of the artifact."""
POLL_MS = (250, 5000)
"""The least and the most that a client is asked to wait between two polls."""

_TYPES = {
    401: "authentication_error",
    402: "insufficient_quota",
    403: "permission_error",
    429: "rate_limit_error",
}
_FIELDS = {"conditions": "input_reference"}


def video_view(job: Job) -> dict[str, Any]:
    """A job as the Video object; every key of the SDK's model, and `seed` beside them."""
    notes = (job.metadata or {}).get(NOTES) or {}
    extent = extent_of(job)
    return {
        "id": job.id,
        "object": "video",
        "status": STATUSES[str(job.state)],
        "progress": percent_of(job),
        "created_at": whole(job.created_at),
        "completed_at": whole(job.finished_at) if str(job.state) == "succeeded" else None,
        "expires_at": whole(job.expires_at),
        "model": notes.get("model") or model_of(job),
        "prompt": prompt_of(job),
        "seconds": seconds_of(job),
        "size": extent.size if extent else "0x0",
        "quality": "standard",
        "remixed_from_video_id": notes.get("remixed_from_video_id"),
        "error": error_of(job),
        "seed": job.seed,
        "warnings": list(job.warnings or []),
    }


def seconds_of(job: Job) -> str:
    """The clip's length as decimal text: of the file once it is there, before that as asked."""
    extent = extent_of(job)
    asked = job.request.get("seconds")
    if asked is not None and (extent is None or abs(extent.seconds - float(asked)) < 0.5):
        return f"{float(asked):g}"
    return f"{extent.seconds:.2f}".rstrip("0").rstrip(".") if extent else "0"


def error_of(job: Job) -> dict[str, Any] | None:
    """Why a video failed, as the SDK's VideoCreateError."""
    if str(job.state) == "cancelled":
        return {"code": "cancelled", "message": "The run was stopped on request."}
    if job.error is None:
        return None
    text = f"{job.error.get('message', '')} {job.error.get('hint') or ''}".strip()
    return {"code": str(job.error.get("code", "generation_failed")), "message": text}


def page_view(jobs: Sequence[Job], more: bool) -> dict[str, Any]:
    """A page of videos."""
    data = [video_view(job) for job in jobs]
    return {
        "object": "list",
        "data": data,
        "first_id": data[0]["id"] if data else None,
        "last_id": data[-1]["id"] if data else None,
        "has_more": more,
    }


def deleted_view(video_id: str) -> dict[str, Any]:
    """What a delete answers."""
    return {"id": video_id, "deleted": True, "object": "video.deleted"}


def poll_after_ms(job: Job) -> int:
    """When to ask again: a quarter of the time that is left, within POLL_MS."""
    if is_over(job):
        return POLL_MS[0]
    eta = eta_of(job)
    return POLL_MS[0] * 2 if eta is None else int(max(POLL_MS[0], min(POLL_MS[1], eta * 250)))


def error_body(failure: Failure) -> dict[str, Any]:
    """A refused call as OpenAI's error envelope."""
    error, code, param = failure.error, failure.error.code, failure.error.field
    problems = problems_of(error)
    if problems:
        code, param = problems[0].code, problems[0].field
    fallback = "server_error" if failure.status >= 500 else "invalid_request_error"
    return {
        "error": {
            "message": failure.said,
            "type": _TYPES.get(failure.status, fallback),
            "param": _param(param),
            "code": code,
            **failure.figures,
        }
    }


def _param(field: str | None) -> str | None:
    if field is None:
        return None
    top = field.partition(".")[0]
    return _FIELDS.get(top, field)


# 409 and 408 make the SDK try again: nothing here would be better the second time.
ERRORS = ErrorForm(error_body, {409: 400, 415: 400, 422: 400})
