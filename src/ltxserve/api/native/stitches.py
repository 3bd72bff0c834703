"""Routes of stitches: clips joined into one, as jobs like all others."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse

from ltxserve.api import docs
from ltxserve.api.auth import Reader, Writer
from ltxserve.api.context import Jobs, app_of, checked_cursor
from ltxserve.api.native import views
from ltxserve.api.native.jobs import JsonBody, Key
from ltxserve.api.native.submissions import Envelope, read
from ltxserve.jobs.listing import JobFilter
from ltxserve.media.stitch.nouns import Stitch
from ltxserve.service.stitches import KIND

router = APIRouter(prefix="/api/stitches", tags=["stitches"])


class StitchBody(Stitch, Envelope):
    """Everything a stitch's body can say, for the documentation."""


@router.post(
    "",
    status_code=202,
    responses=docs.problems(docs.WRITE),
    openapi_extra=docs.body(StitchBody),
)
def submit(
    request: Request, account: Writer, jobs: Jobs, given: JsonBody, key: Key = None
) -> JSONResponse:
    """Join clips in order: finished jobs, uploads or URLs, each with trim, speed and volume.

    What comes back is a job: see /api/generations/{id} for its events, files and cancel.
    """
    job = app_of(request).stitches.submit(account, read(given, key))
    view = views.full_view(job, jobs.position(account, job.id))
    return JSONResponse(view, 202, {"Location": view["links"]["self"]})


@router.get("", responses=docs.problems(docs.READ))
def listed(account: Reader, jobs: Jobs, cursor: str | None = None) -> dict[str, Any]:
    """The account's stitches, newest first."""
    page = jobs.list(account, JobFilter(kind=KIND, cursor=checked_cursor(cursor)))
    return views.page_view(page.jobs, page.next_cursor)
