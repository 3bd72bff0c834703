"""How the native dialect shows jobs, events, quotes and pages: pure functions to plain JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ltxserve.api.facts import (
    eta_of,
    extent_of,
    iso,
    model_of,
    percent_of,
    seed_of,
    shown,
)

if TYPE_CHECKING:
    from ltxserve.jobs.rows import Job
    from ltxserve.jobs.webhooks import Delivery

ROOT = "/api/generations"


def job_view(job: Job, queue_position: int | None = None) -> dict[str, Any]:
    """One job: what was asked, how far it is, what came out. Addresses are relative."""
    extent = extent_of(job)
    return {
        "id": job.id,
        "object": job.kind,
        "state": str(job.state),
        "stage": job.stage,
        "progress": progress_view(job, queue_position),
        "model": model_of(job) or None,
        "prompt": job.request.get("prompt"),
        "seed": seed_of(job),
        "width": extent and extent.width,
        "height": extent and extent.height,
        "num_frames": extent and extent.num_frames,
        "fps": extent and extent.fps,
        "seconds": extent and round(extent.seconds, 6),
        "artifacts": artifacts_view(job),
        "price": {"credits": job.price, "price_list": job.price_list},
        "error": job.error,
        "warnings": list(job.warnings or []),
        "timings": job.timings or {},
        "attempt": job.attempt,
        "worker": job.worker,
        "parent_id": job.parent_id,
        "metadata": job.metadata or {},
        "created_at": iso(job.created_at),
        "started_at": iso(job.started_at),
        "finished_at": iso(job.finished_at),
        "expires_at": iso(job.expires_at),
        "links": links_view(job),
    }


def full_view(job: Job, queue_position: int | None, children: Sequence[Job] = ()) -> dict[str, Any]:
    """One job with its request and its plan; of a batch, with its children too."""
    view = job_view(job, queue_position)
    view["request"] = shown(job.request)
    view["plan"] = shown(job.plan)
    if children:
        view["children"] = [job_view(child) for child in children]
    return view


def progress_view(job: Job, queue_position: int | None) -> dict[str, Any]:
    """How far a job is: stage, step of steps, percent, seconds left, place in the queue."""
    told: Mapping[str, Any] = job.progress or {}
    return {
        "stage": job.stage,
        "step": told.get("step"),
        "of": told.get("of"),
        "percent": percent_of(job),
        "eta_seconds": eta_of(job),
        "queue_position": queue_position,
    }


def artifacts_view(job: Job) -> dict[str, Any]:
    """The files of a finished job by name, each with the address that serves it."""
    made: Mapping[str, Any] = (job.result or {}).get("artifacts") or {}
    return {
        name: {
            "url": artifact_path(job.id, name),
            "media_type": item["media_type"],
            "bytes": item["bytes"],
            "sha256": item["sha256"],
        }
        for name, item in made.items()
    }


def artifact_path(job_id: str, name: str) -> str:
    """Where a file of a job is served: the clip at /content, others at /content?variant=..."""
    path = f"{ROOT}/{job_id}/content"
    return path if name == "video" else f"{path}?variant={name}"


def links_view(job: Job) -> dict[str, str]:
    """Where to go on from a job."""
    own = f"{ROOT}/{job.id}"
    return {"self": own, "events": f"{own}/events", "ws": f"{own}/ws", "cancel": f"{own}/cancel"}


def delivery_view(delivery: Delivery) -> dict[str, Any]:
    """One try to tell a webhook, as the log has it."""
    return {
        "id": delivery.id,
        "event": delivery.event,
        "url": delivery.url,
        "state": delivery.state,
        "attempts": delivery.attempts,
        "last_status": delivery.last_status,
        "last_error": delivery.last_error,
        "created_at": iso(delivery.created_at),
        "next_attempt_at": iso(delivery.next_attempt_at),
        "delivered_at": iso(delivery.delivered_at),
    }


def page_view(jobs: Sequence[Job], next_cursor: str | None) -> dict[str, Any]:
    """A page of jobs, and the cursor that the next one is asked with."""
    return {
        "object": "list",
        "data": [job_view(job) for job in jobs],
        "next_cursor": next_cursor,
        "has_more": next_cursor is not None,
    }
