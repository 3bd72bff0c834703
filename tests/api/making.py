"""Jobs as the tests of views need them: one plausible record, changed field by field."""

from __future__ import annotations

from typing import Any

from ltxserve.api.errors import ErrorForm, Failure
from ltxserve.api.statuses import status_of
from ltxserve.errors import LtxserveError
from ltxserve.jobs.rows import Job
from ltxserve.jobs.states import JobState

ID = "0192f0c1-2345-7abc-8def-0123456789ab"
BORN = 1_700_000_000.25
PLAN = {
    "model": "tiny",
    "seed": None,
    "deliver": {"width": 256, "height": 128, "num_frames": 49, "fps": 24.0},
}
RESULT = {
    "artifacts": {
        "video": {"key": "a/b/1/video.mp4", "media_type": "video/mp4", "bytes": 9, "sha256": "ab"},
        "preview": {"key": "a/b/1/p.jpg", "media_type": "image/jpeg", "bytes": 5, "sha256": "cd"},
    },
    "width": 256,
    "height": 128,
    "num_frames": 49,
    "fps": 24.0,
    "seconds": 49 / 24,
    "has_sound": True,
}


def job(**changes: Any) -> Job:
    """A queued job, with these fields changed; state may be given as text."""
    values: dict[str, Any] = dict.fromkeys(Job.__dataclass_fields__)
    values |= {
        "id": ID,
        "account_id": "local",
        "kind": "generation",
        "dialect": "native",
        "state": "queued",
        "request": {"prompt": "a red ball"},
        "plan": PLAN,
        "price": 3,
        "price_list": "free",
        "attempt": 0,
        "priority": 0,
        "cancel_requested": False,
        "created_at": BORN,
        "last_event": 1,
    }
    values |= changes
    return Job(**{**values, "state": JobState(values["state"])})


def done(**changes: Any) -> Job:
    """A job that succeeded."""
    over = {"started_at": BORN + 1, "finished_at": BORN + 4.5, "expires_at": BORN + 86400}
    made = {"state": "succeeded", "result": RESULT, "seed": 7, "attempt": 1, "worker": "cpu:0"}
    return job(**{**over, **made, "timings": {"load": 0.5, "denoise": 2.0}, **changes})


def failed(**changes: Any) -> Job:
    """A job that failed."""
    error = {"code": "out_of_memory", "message": "No memory.", "hint": "Go smaller."}
    return job(**{"state": "failed", "error": error, "finished_at": BORN + 2, **changes})


def said(form: ErrorForm, error: LtxserveError) -> tuple[int, dict[str, Any]]:
    """Status and body of an error in a dialect's form."""
    ours = status_of(error)
    status = form.statuses.get(ours, ours)
    return status, form.body(Failure(error, status, "r1"))
