"""Routes of the LTX dialect: /ltx/v1 answers with the clip itself, /ltx/v2 with a job to poll."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ltxserve.accounts.accounts import Account
from ltxserve.api import docs
from ltxserve.api.auth import Reader, Writer
from ltxserve.api.content import File, send, suffix_of
from ltxserve.api.context import FeedsOf, JobId, Jobs, Models, app_of
from ltxserve.api.continuing import Original, longer, original_of, retaken
from ltxserve.api.facts import file_name_of, is_over
from ltxserve.api.links import link_of
from ltxserve.api.ltx import views
from ltxserve.api.ltx.bodies import UNPROMPTED, Continued, read
from ltxserve.api.native.jobs import JsonBody, Key
from ltxserve.api.stand_ins import Chosen, StandIns
from ltxserve.api.waiting import until_over
from ltxserve.errors import Cancelled, GenerationFailed, LtxserveError
from ltxserve.jobs.rows import Job
from ltxserve.service.submission import Submission

router = APIRouter(prefix="/ltx", tags=["LTX API"])

DIALECT = "ltx"
WAIT_SECONDS = 900.0
"""How long a synchronous call waits; the job goes on beyond it."""
Endpoint = Annotated[str, Path(max_length=60, description="text-to-video, image-to-video, ...")]
_ERRORS = docs.plain((400, 401, 402, 403, 404, 413, 429, 502, 503, 504, 507))


@router.post("/v2/{endpoint}", status_code=202, responses=_ERRORS, openapi_extra=docs.body())
def submit(
    request: Request,
    account: Writer,
    jobs: Jobs,
    models: Models,
    endpoint: Endpoint,
    given: JsonBody,
    key: Key = None,
) -> JSONResponse:
    """Queue a clip; poll /ltx/v2/{endpoint}/{id} for it."""
    job = jobs.submit(account, _submission(request, account, models, endpoint, given, key))
    return JSONResponse(views.accepted_view(job), 202)


@router.get("/v2/{endpoint}/{id}", responses=_ERRORS)
def poll(
    request: Request, account: Reader, jobs: Jobs, endpoint: Endpoint, id: JobId
) -> dict[str, Any]:
    """A job: pending, processing, completed with the clip's address for a day, or failed."""
    del endpoint
    job = jobs.get(account, id)
    has_file = str(job.state) == "succeeded" and job.result is not None
    return views.job_view(job, link_of(request, account, job) if has_file else None)


@router.post("/v1/{endpoint}", responses=docs.files(_ERRORS), openapi_extra=docs.body())
async def make(
    request: Request,
    account: Writer,
    jobs: Jobs,
    models: Models,
    feeds: FeedsOf,
    endpoint: Endpoint,
    given: JsonBody,
    key: Key = None,
) -> Response:
    """Make a clip and answer with its file. Its id is in X-Job-Id: a broken line loses nothing."""
    asked = (request, account, models, endpoint, given, key)
    submission = await run_in_threadpool(_submission, *asked)
    job = await run_in_threadpool(jobs.submit, account, submission)
    job = await until_over(feeds, jobs, account, job, WAIT_SECONDS)
    response = await run_in_threadpool(_file, request, account, jobs, job)
    response.headers["X-Job-Id"] = job.id
    return response


def _submission(
    request: Request,
    account: Account,
    models: StandIns,
    endpoint: str,
    given: dict[str, Any],
    key: str | None,
) -> Submission:
    asked = read(endpoint, given)
    if isinstance(asked, Continued):
        original = original_of(app_of(request), account, asked.source, "video_uri")
        chosen = _continued(asked, original, models)
    else:
        chosen = with_length(models.choose(asked), models)
    return Submission(chosen.request, idempotency_key=key, dialect=DIALECT, warnings=chosen.notes)


def with_length(chosen: Chosen, models: StandIns) -> Chosen:
    """A clip without a duration is as long as its prompt needs, where the model can tell that."""
    asked = chosen.request
    if "seconds" in asked or "sound" in asked or not models.tells_length(str(asked.get("model"))):
        return chosen
    return Chosen({**asked, "auto_length": {}}, chosen.notes)


def _continued(asked: Continued, original: Original, models: StandIns) -> Chosen:
    """What is made of a video; a model that is named is used as it is, or a stand-in for it."""
    prompt = asked.prompt or original.prompt or UNPROMPTED
    make = longer if asked.way == "extend" else retaken
    made = make(original, prompt, models.default, asked.how)
    if asked.size is not None:
        del made["width"], made["height"]
        made["size"] = asked.size
    if asked.model is None:
        return Chosen(made)
    return models.choose({**made, "model": asked.model})


def _file(request: Request, account: Account, jobs: Jobs, job: Job) -> Response:
    if not is_over(job):
        hint = f"Poll /ltx/v2/text-to-video/{job.id}."
        raise LtxserveError("wait_timed_out", "The clip is not finished yet.", hint)
    if str(job.state) == "cancelled":
        raise Cancelled()
    if job.error is not None:
        error = job.error
        raise GenerationFailed(
            str(error["code"]), str(error["message"]), str(error.get("hint") or "")
        )
    stored = jobs.artifact(account, job.id)
    title = file_name_of(job, suffix_of(stored.media_type))
    return send(request, app_of(request).store, File(stored, title))
