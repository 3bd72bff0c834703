"""How the simple dialect shows jobs and errors: pure functions to plain JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ltxserve.api.errors import ErrorForm, Failure, problems_of
from ltxserve.api.facts import eta_of, extent_of, iso, percent_of, prompt_of, seed_of

if TYPE_CHECKING:
    from ltxserve.jobs.rows import Job

STATUSES = {
    "queued": "queued",
    "running": "processing",
    "succeeded": "completed",
    "failed": "failed",
    "cancelled": "failed",
}


def status_view(job: Job, queue_position: int | None = None) -> dict[str, Any]:
    """A job, with its id under both names that clients look for."""
    status = STATUSES[str(job.state)]
    extent = extent_of(job)
    view: dict[str, Any] = {
        "id": job.id,
        "job_id": job.id,
        "status": status,
        "progress": percent_of(job),
        "stage": job.stage,
        "queue_position": queue_position,
        "eta_seconds": eta_of(job),
        "prompt": prompt_of(job),
        "seed": seed_of(job),
        "width": extent and extent.width,
        "height": extent and extent.height,
        "num_frames": extent and extent.num_frames,
        "fps": extent and extent.fps,
        "created_at": iso(job.created_at),
        "completed_at": iso(job.finished_at),
        "warnings": list(job.warnings or []),
        "error": error_text(job),
        "result_url": f"/api/result/{job.id}" if status == "completed" else None,
        "status_url": f"/api/status/{job.id}",
    }
    return view


def error_text(job: Job) -> str | None:
    """Why a job failed, as one text."""
    if str(job.state) == "cancelled":
        return "The run was stopped on request."
    if job.error is None:
        return None
    return f"{job.error.get('message', '')} {job.error.get('hint') or ''}".strip()


def error_body(failure: Failure) -> dict[str, Any]:
    """A refused call: one text, with the code and every problem beside it."""
    return {
        "error": failure.said,
        "code": failure.error.code,
        "problems": [problem.to_dict() for problem in problems_of(failure.error)],
        **failure.figures,
    }


# The specification: 404 for unknown ids, 400 for what is not ready or not right.
ERRORS = ErrorForm(error_body, {409: 400, 415: 400, 422: 400})
