"""How the RunPod dialect shows jobs and errors: pure functions to plain JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ltxserve.api.errors import ErrorForm, Failure
from ltxserve.api.facts import extent_of, model_of, percent_of, prompt_of

if TYPE_CHECKING:
    from ltxserve.jobs.rows import Job

STATUSES = {
    "queued": "IN_QUEUE",
    "running": "IN_PROGRESS",
    "succeeded": "COMPLETED",
    "failed": "FAILED",
    "cancelled": "CANCELLED",
}
TIMED_OUT = "job_timed_out"


def status_of(job: Job) -> str:
    """RunPod's name of a job's state."""
    if str(job.state) == "failed" and (job.error or {}).get("code") == TIMED_OUT:
        return "TIMED_OUT"
    return STATUSES[str(job.state)]


def accepted_view(job: Job) -> dict[str, Any]:
    """What `run` answers."""
    return {"id": job.id, "status": status_of(job)}


def status_view(job: Job, output: Mapping[str, Any] | None) -> dict[str, Any]:
    """What `status` answers; while a job runs, `output` is its progress, as of RunPod's workers."""
    view = accepted_view(job)
    if job.started_at is not None:
        view["delayTime"] = int(1000 * (job.started_at - job.created_at))
    if job.started_at is not None and job.finished_at is not None:
        view["executionTime"] = int(1000 * (job.finished_at - job.started_at))
    if job.worker:
        view["workerId"] = job.worker
    if view["status"] == "IN_PROGRESS":
        view["output"] = progress_of(job)
    elif output is not None:
        view["output"] = dict(output)
    if job.error is not None:
        view["error"] = f"{job.error.get('message', '')} {job.error.get('hint') or ''}".strip()
    return view


def progress_of(job: Job) -> dict[str, Any]:
    """What a running worker reports."""
    told = job.progress or {}
    return {
        "stage": job.stage,
        "step": told.get("step"),
        "of": told.get("of"),
        "percent": percent_of(job),
    }


def output_of(job: Job, link: Mapping[str, Any]) -> dict[str, Any]:
    """A finished clip in a worker's form; `link`: where it is (`signed_url`, ... or `base64`)."""
    extent = extent_of(job)
    assert extent is not None, "a job that succeeded has a clip"
    video = ((job.result or {}).get("artifacts") or {}).get("video") or {}
    return {
        "ok": True,
        "mode": "i2v" if job.request.get("conditions") else "t2v",
        "video": {
            **link,
            "content_type": video.get("media_type"),
            "bytes": video.get("bytes"),
            "sha256": video.get("sha256"),
        },
        "video_url": link.get("url"),
        "meta": {
            "seed": job.seed,
            "fps": extent.fps,
            "num_frames": extent.num_frames,
            "width": extent.width,
            "height": extent.height,
            "inference_seconds": round(sum((job.timings or {}).values()), 3),
            "model": model_of(job),
            "prompt": prompt_of(job),
        },
        "warnings": list(job.warnings or []),
    }


def supabase_view(
    bucket: str, path: str, signed_url: str | None, public_url: str | None
) -> dict[str, Any]:
    """Where the clip lies in Supabase Storage, for clients that look for it there."""
    return {"bucket": bucket, "path": path, "signed_url": signed_url, "public_url": public_url}


def stream_view(job: Job, chunks: list[dict[str, Any]]) -> dict[str, Any]:
    """What `stream` answers: chunks that nobody was given yet.

    A cancelled job is shown as failed here: the SDK's stream() waits for a final state, and does
    not know that CANCELLED is one.
    """
    view = accepted_view(job)
    if view["status"] == "CANCELLED":
        view["status"] = "FAILED"
    return {**view, "stream": [{"output": chunk} for chunk in chunks]}


def health_view(counts: Mapping[str, int], idle: int, running: int) -> dict[str, Any]:
    """What `health` answers; counts: jobs by our state."""
    return {
        "jobs": {
            "completed": counts.get("succeeded", 0),
            "failed": counts.get("failed", 0) + counts.get("cancelled", 0),
            "inProgress": counts.get("running", 0),
            "inQueue": counts.get("queued", 0),
            "retried": 0,
        },
        "workers": {"idle": idle, "running": running},
    }


def error_body(failure: Failure) -> dict[str, Any]:
    """A refused call."""
    return {"error": failure.said, "code": failure.error.code, **failure.figures}


ERRORS = ErrorForm(error_body, {405: 404, 409: 400, 413: 400, 415: 400, 422: 400})
