"""Routes of jobs under /api/generations: submit, get, list, cancel, delete, and their files."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Query
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ltxserve.api import body, docs
from ltxserve.api.auth import Reader, Writer
from ltxserve.api.content import File, send, suffix_of
from ltxserve.api.context import JobId, Jobs, app_of, checked_cursor, checked_id
from ltxserve.api.facts import file_name_of
from ltxserve.api.native import views
from ltxserve.api.native.submissions import GenerationBody, read
from ltxserve.jobs.listing import LIMIT, JobFilter
from ltxserve.jobs.states import JobState

router = APIRouter(prefix=views.ROOT, tags=["generations"])

State = Literal["queued", "running", "succeeded", "failed", "cancelled"]
Variant = Literal["video", "thumbnail", "preview", "audio"]


async def json_body(request: Request) -> dict[str, Any]:
    """The body as a JSON object, within the server's limit."""
    return await body.read_json(request, request.app.state.body_limit)


async def form_body(request: Request) -> AsyncIterator[body.Form]:
    """The body as fields and files, whose temporary copies go when the request ends."""
    form = await body.read_form(request, request.app.state.upload_limit)
    try:
        yield form
    finally:
        await form.close()


JsonBody = Annotated[dict[str, Any], Depends(json_body)]
FormBody = Annotated[body.Form, Depends(form_body)]
Key = Annotated[str | None, Header(alias="Idempotency-Key", max_length=255)]


@router.post(
    "",
    status_code=202,
    responses=docs.problems(docs.WRITE),
    openapi_extra=docs.body(GenerationBody),
)
def submit(account: Writer, jobs: Jobs, given: JsonBody, key: Key = None) -> JSONResponse:
    """Queue a clip, or a batch of them. The same Idempotency-Key returns the first job."""
    job = jobs.submit(account, read(given, key))
    children = jobs.children(account, job.id) if job.kind == "batch" else ()
    view = views.full_view(job, jobs.position(account, job.id), children)
    return JSONResponse(view, 202, {"Location": view["links"]["self"]})


@router.get("", responses=docs.problems(docs.READ))
def listed(
    account: Reader,
    jobs: Jobs,
    state: Annotated[list[State] | None, Query()] = None,
    parent_id: str | None = None,
    dialect: Annotated[str | None, Query(max_length=40)] = None,
    order: Literal["asc", "desc"] = "desc",
    limit: Annotated[int, Query(ge=1, le=LIMIT)] = 20,
    cursor: str | None = None,
) -> dict[str, Any]:
    """The account's jobs, newest first; batches are one entry unless `parent_id` asks for one's."""
    page = jobs.list(
        account,
        JobFilter(
            states=tuple(JobState(name) for name in state or ()),
            parent_id=checked_id(parent_id) if parent_id else None,
            top=parent_id is None,
            dialect=dialect,
            limit=limit,
            cursor=checked_cursor(cursor),
            ascending=order == "asc",
        ),
    )
    return views.page_view(page.jobs, page.next_cursor)


@router.get("/{id}", responses=docs.problems(docs.READ))
def get(account: Reader, jobs: Jobs, id: JobId) -> dict[str, Any]:
    """One job with its request, plan, progress and results."""
    job = jobs.get(account, id)
    children = jobs.children(account, id) if job.kind == "batch" else ()
    return views.full_view(job, jobs.position(account, id), children)


@router.delete("/{id}", status_code=204, responses=docs.problems((*docs.READ, 409)))
def delete(account: Writer, jobs: Jobs, id: JobId) -> Response:
    """Remove a job that is over, with its files; a waiting one is cancelled first."""
    jobs.delete(account, id)
    return Response(status_code=204)


@router.post("/{id}/cancel", responses=docs.problems(docs.READ))
def cancel(account: Writer, jobs: Jobs, id: JobId) -> dict[str, Any]:
    """Stop a job: at once while it waits, within one step while it runs. It then costs nothing."""
    return views.job_view(jobs.cancel(account, id), jobs.position(account, id))


@router.get("/{id}/content", responses=docs.files())
@router.head("/{id}/content", include_in_schema=False)
def content(
    request: Request,
    account: Reader,
    jobs: Jobs,
    id: JobId,
    variant: Variant = "video",
    download: bool = False,
) -> Response:
    """The clip, or another file of the job, whole or by byte range."""
    return send_artifact(request, account, jobs, id, variant, download)


@router.get("/{id}/thumbnail", responses=docs.files())
@router.head("/{id}/thumbnail", include_in_schema=False)
def thumbnail(request: Request, account: Reader, jobs: Jobs, id: JobId) -> Response:
    """One frame of the clip."""
    return send_artifact(request, account, jobs, id, "thumbnail", False)


@router.get("/{id}/deliveries", responses=docs.problems(docs.READ))
def deliveries(account: Reader, jobs: Jobs, id: JobId) -> dict[str, Any]:
    """The log of the job's webhooks, newest first."""
    jobs.get(account, id)
    return {"data": [views.delivery_view(one) for one in jobs.deliveries(account, id)]}


def send_artifact(
    request: Request, account: Reader, jobs: Jobs, id: str, name: str, download: bool
) -> Response:
    """A file of a job. Raises `not_ready`, `file_not_found`, `job_not_found`."""
    stored = jobs.artifact(account, id, name)
    job = jobs.get(account, id)
    title = file_name_of(job, suffix_of(stored.media_type))
    return send(request, app_of(request).store, File(stored, title, download))
