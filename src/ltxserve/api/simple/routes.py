"""Routes of the simple dialect: /api/generate, /api/status, /api/result, /generate, /stitch."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ltxserve.api import docs
from ltxserve.api.auth import Reader, Writer
from ltxserve.api.context import JobId, Jobs, Models, app_of
from ltxserve.api.native.jobs import FormBody, JsonBody, Key, send_artifact
from ltxserve.api.native.uploads import take
from ltxserve.api.simple import views
from ltxserve.api.simple.bodies import PRESET, read
from ltxserve.service.submission import Submission

router = APIRouter(tags=["simple"])

DIALECT = "simple"
_KINDS = ("application/json", "multipart/form-data")
_READ = docs.plain((400, 401, 403, 404, 429, 503))
_WRITE = docs.plain((400, 401, 402, 403, 404, 413, 429, 502, 503, 507))


@router.post(
    "/api/generate", status_code=202, responses=_WRITE, openapi_extra=docs.body(None, *_KINDS)
)
@router.post("/generate", status_code=202, responses=_WRITE, openapi_extra=docs.body(None, *_KINDS))
def generate(
    request: Request, account: Writer, jobs: Jobs, models: Models, form: FormBody, key: Key = None
) -> JSONResponse:
    """Queue a clip; answers with its id. Fields that mean nothing here are named in `warnings`."""
    asked = read(form.fields)
    if "image" in form.files:
        source = take(request, account, form.files["image"]).id
        asked.request["conditions"] = [{"source": source, "frame": 0}]
    chosen = models.choose(asked.request, PRESET)
    ignored = [f"The field {name[:60]} is not known here." for name in asked.ignored]
    warnings = (*chosen.notes, *ignored[:20])
    submission = Submission(chosen.request, idempotency_key=key, dialect=DIALECT, warnings=warnings)
    job = jobs.submit(account, submission)
    return JSONResponse(views.status_view(job, jobs.position(account, job.id)), 202)


@router.get("/api/status/{id}", responses=_READ)
def status(account: Reader, jobs: Jobs, id: JobId) -> dict[str, Any]:
    """How far a job is: queued, processing, completed or failed."""
    return views.status_view(jobs.get(account, id), jobs.position(account, id))


@router.get(
    "/api/result/{id}", responses=docs.files(docs.plain((400, 401, 403, 404, 416, 429, 502, 503)))
)
@router.head("/api/result/{id}", include_in_schema=False)
def result(request: Request, account: Reader, jobs: Jobs, id: JobId) -> Response:
    """The finished clip's file; 400 as long as it is not finished."""
    return send_artifact(request, account, jobs, id, "video", True)


@router.post("/stitch", status_code=202, responses=_WRITE, openapi_extra=docs.body())
def stitch(
    request: Request, account: Writer, jobs: Jobs, given: JsonBody, key: Key = None
) -> JSONResponse:
    """Join clips, each with its own trim, speed, volume and transition; answers with the job's id.

    Clips are finished jobs, uploads or URLs, as `source` or just as text.
    """
    clips = given.get("clips")
    if isinstance(clips, list):
        given["clips"] = [{"source": one} if isinstance(one, str) else one for one in clips]
    submission = Submission(given, idempotency_key=key, dialect=DIALECT)
    job = app_of(request).stitches.submit(account, submission)
    return JSONResponse(views.status_view(job, jobs.position(account, job.id)), 202)
