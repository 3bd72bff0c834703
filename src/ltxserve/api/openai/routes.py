"""Routes below /v1 that the official SDK's `client.videos` calls; translate, and decide nothing."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ltxserve.accounts.accounts import Account
from ltxserve.api import docs
from ltxserve.api.auth import Reader, Writer
from ltxserve.api.body import Form
from ltxserve.api.content import File, send, suffix_of
from ltxserve.api.context import FeedsOf, JobId, Jobs, Models, app_of, checked_cursor
from ltxserve.api.continuing import edited, longer, of_job, original_of
from ltxserve.api.facts import file_name_of, is_over
from ltxserve.api.native.jobs import FormBody, JsonBody, Key
from ltxserve.api.native.submissions import split
from ltxserve.api.native.uploads import take
from ltxserve.api.openai import views
from ltxserve.api.openai.bodies import (
    read_create,
    read_reference,
    read_seconds,
    required_prompt,
)
from ltxserve.api.stand_ins import Chosen
from ltxserve.api.waiting import until_over
from ltxserve.errors import LtxserveError, NotFound, Problem, RequestRefused
from ltxserve.jobs.listing import JobFilter
from ltxserve.service.generations import KIND
from ltxserve.service.submission import Submission

router = APIRouter(prefix="/v1", tags=["OpenAI"])

DIALECT = "openai"
STOP_SECONDS = 20.0
"""How long a delete waits for a running video to stop."""
_KINDS = ("application/json", "multipart/form-data")
_READ = docs.plain((400, 401, 403, 404, 429, 503))
_WRITE = docs.plain((400, 401, 402, 403, 404, 413, 429, 502, 503, 507))


@router.post("/videos", responses=_WRITE, openapi_extra=docs.body(None, *_KINDS))
def create(
    request: Request, account: Writer, jobs: Jobs, models: Models, form: FormBody, key: Key = None
) -> JSONResponse:
    """Start a video. JSON, multipart and bracketed fields; the native request's fields besides."""
    asked = read_create(form.fields)
    reference = _sent(request, account, form, "input_reference") or asked.reference
    if reference is not None:
        given = asked.request.get("conditions")
        first = {"source": reference, "frame": 0}
        asked.request["conditions"] = [first, *(given if isinstance(given, list) else ())]
    chosen = models.choose(asked.request)
    notes = {"model": asked.request.get("model")}
    return _submitted(account, jobs, _submission(chosen, notes, asked.envelope, key))


@router.post("/videos/edits", responses=_WRITE, openapi_extra=docs.body(None, *_KINDS))
def edit(
    request: Request, account: Writer, jobs: Jobs, models: Models, form: FormBody, key: Key = None
) -> JSONResponse:
    """Generate a video anew by another prompt; its composition, length and size stay."""
    prompt = required_prompt(form.fields)
    original = original_of(app_of(request), account, _video(request, account, form), "video")
    chosen = Chosen(edited(original, prompt, models.default))
    return _submitted(account, jobs, _submission(chosen, {}, {}, key))


@router.post("/videos/extensions", responses=_WRITE, openapi_extra=docs.body(None, *_KINDS))
def extend(
    request: Request, account: Writer, jobs: Jobs, models: Models, form: FormBody, key: Key = None
) -> JSONResponse:
    """Make a video longer: the result holds the video and `seconds` more after it."""
    prompt, seconds = required_prompt(form.fields), read_seconds(form.fields.get("seconds", ""))
    original = original_of(app_of(request), account, _video(request, account, form), "video")
    chosen = Chosen(longer(original, prompt, models.default, {"seconds": seconds}))
    return _submitted(account, jobs, _submission(chosen, {}, {}, key))


@router.post("/videos/characters", responses=_WRITE, openapi_extra=docs.body(None, *_KINDS))
async def create_character(account: Writer) -> Response:
    """Refused: the models here keep no characters between videos."""
    del account
    raise LtxserveError(
        "not_supported",
        "This service keeps no characters.",
        "Condition the video on a picture of the character: input_reference.",
    )


@router.get("/videos/characters/{id}", responses=_READ)
async def get_character(account: Reader, id: str) -> Response:
    """Refused: there are no characters here."""
    del account, id
    raise NotFound("not_found", "This service keeps no characters.", "Use input_reference.", "id")


@router.post("/videos/{id}/remix", responses=_WRITE, openapi_extra=docs.body())
def remix(
    account: Writer, jobs: Jobs, models: Models, id: JobId, given: JsonBody, key: Key = None
) -> JSONResponse:
    """An edit of a finished video of one's own."""
    prompt = required_prompt(given)
    chosen = Chosen(edited(of_job(jobs.get(account, id)), prompt, models.default))
    notes = {"remixed_from_video_id": id}
    return _submitted(account, jobs, _submission(chosen, notes, {}, key))


@router.get("/videos", responses=_READ)
def listed(
    account: Reader,
    jobs: Jobs,
    after: str | None = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    order: Literal["asc", "desc"] = "desc",
) -> dict[str, Any]:
    """The account's videos, newest first; `after` is the last id of the page before."""
    cursor = checked_cursor(after, "after")
    ascending = order == "asc"
    page = jobs.list(account, JobFilter(kind=KIND, limit=limit, cursor=cursor, ascending=ascending))
    return views.page_view(page.jobs, page.next_cursor is not None)


@router.get("/videos/{id}", responses=_READ)
def retrieve(account: Reader, jobs: Jobs, id: JobId) -> JSONResponse:
    """One video. A failed one is an answer like any other: status 200, `status` failed."""
    return _answer(jobs.get(account, id))


@router.delete("/videos/{id}", responses=docs.plain((401, 403, 404, 400, 503)))
async def delete(account: Writer, jobs: Jobs, feeds: FeedsOf, id: JobId) -> dict[str, Any]:
    """Remove a video and its files; one that is being made is stopped first, and costs nothing."""
    job = await run_in_threadpool(jobs.get, account, id)
    if not is_over(job):
        job = await run_in_threadpool(jobs.cancel, account, id)
        await until_over(feeds, jobs, account, job, STOP_SECONDS)
    await run_in_threadpool(jobs.delete, account, id)
    return views.deleted_view(id)


@router.get(
    "/videos/{id}/content",
    responses=docs.files(docs.plain((400, 401, 403, 404, 416, 429, 502, 503))),
)
@router.head("/videos/{id}/content", include_in_schema=False)
def content(
    request: Request, account: Reader, jobs: Jobs, id: JobId, variant: str = "video"
) -> Response:
    """The file: variant video, thumbnail or spritesheet."""
    name = views.VARIANTS.get(variant)
    if name is None:
        hint = f"Use {', '.join(views.VARIANTS)}."
        problem = Problem("invalid_field", "There is no such variant.", hint, "variant")
        raise RequestRefused([problem])
    stored = jobs.artifact(account, id, name)
    title = file_name_of(jobs.get(account, id), suffix_of(stored.media_type))
    return send(request, app_of(request).store, File(stored, title))


@router.get("/models", responses=_READ)
def models(account: Reader, jobs: Jobs) -> dict[str, Any]:
    """The models that run here."""
    del account
    specs = [spec for spec in jobs.catalog.models.values() if spec.runs]
    data = [{"id": one.name, "object": "model", "created": 0, "owned_by": "ltx"} for one in specs]
    return {"object": "list", "data": data}


def _submission(
    chosen: Chosen, notes: dict[str, Any], envelope: dict[str, Any], key: str | None
) -> Submission:
    _, read = split(envelope)
    known = {name: value for name, value in notes.items() if value is not None}
    return Submission(
        chosen.request,
        idempotency_key=key,
        webhook_url=read.webhook_url,
        priority=read.priority,
        metadata={**read.metadata, views.NOTES: known} if known else read.metadata,
        dialect=DIALECT,
        timeout_seconds=read.timeout_seconds,
        warnings=chosen.notes,
    )


def _submitted(account: Account, jobs: Jobs, submission: Submission) -> JSONResponse:
    return _answer(jobs.submit(account, submission))


def _answer(job: Any) -> JSONResponse:
    wait = {"openai-poll-after-ms": str(views.poll_after_ms(job))}
    return JSONResponse(views.video_view(job), headers=wait)


def _sent(request: Request, account: Account, form: Form, field: str) -> str | None:
    """The id of a file that came with the form, kept as an upload; None where none came."""
    file = form.files.get(field)
    return None if file is None else take(request, account, file).id


def _video(request: Request, account: Account, form: Form) -> str:
    given = _sent(request, account, form, "video")
    given = given or read_reference(form.fields.get("video"), "video")
    if given is None:
        problem = Problem(
            "invalid_field", "There is no video.", 'Send a file, or {"id": ...}.', "video"
        )
        raise RequestRefused([problem])
    return given
