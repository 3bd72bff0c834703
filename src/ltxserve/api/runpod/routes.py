"""Routes of the RunPod dialect below /runpod/v2/{endpoint}: run, runsync, status, stream, ..."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from ltxserve.accounts.accounts import Account
from ltxserve.api import docs
from ltxserve.api.auth import Reader, Writer
from ltxserve.api.context import FeedsOf, JobId, Jobs, Models, app_of
from ltxserve.api.links import link_of
from ltxserve.api.native.jobs import JsonBody, Key
from ltxserve.api.runpod import views
from ltxserve.api.runpod.bodies import PRESET, Asked, read
from ltxserve.api.runpod.chunks import Chunks
from ltxserve.api.stand_ins import Chosen, StandIns
from ltxserve.api.waiting import until_over
from ltxserve.errors import RequestRefused
from ltxserve.jobs.listing import JobFilter, by_state
from ltxserve.jobs.rows import Job
from ltxserve.jobs.states import JobState
from ltxserve.service.generations import Generations
from ltxserve.service.submission import Submission
from ltxserve.storage.supabase import SupabaseStore

router = APIRouter(prefix="/runpod/v2/{endpoint}", tags=["RunPod"])

DIALECT = "runpod"
NOTES = "runpod"
"""Under this name a job's metadata holds its endpoint and how its clip is to be given back."""
INLINE_BYTES = 7 * 2**20
"""The largest clip that is given back as base64: with a third more it fits RunPod's own limits."""
WAIT_MS = (90_000, 1_000, 300_000)
"""How long runsync waits: unless told, at least, at most."""
LOW_PRIORITY = -10
Endpoint = Annotated[str, Path(max_length=100, description="A model, a preset, or any other name.")]
_ERRORS = docs.plain((400, 401, 402, 403, 404, 429, 502, 503, 507))


@dataclass(frozen=True)
class Call:
    """What both ways to run a job are given."""

    account: Account
    jobs: Generations
    models: StandIns
    endpoint: str
    given: dict[str, Any]
    key: str | None


async def _call(
    account: Writer,
    jobs: Jobs,
    models: Models,
    endpoint: Endpoint,
    given: JsonBody,
    key: Key = None,
) -> Call:
    return Call(account, jobs, models, endpoint, given, key)


Called = Annotated[Call, Depends(_call)]


@router.post("/run", responses=_ERRORS, openapi_extra=docs.body())
def run(call: Called) -> dict[str, Any]:
    """Queue a job: {"input": {...}, "webhook", "policy"}; answers at once."""
    return views.accepted_view(_submit(call))


@router.post("/runsync", responses=_ERRORS, openapi_extra=docs.body())
async def runsync(
    request: Request,
    call: Called,
    feeds: FeedsOf,
    wait: Annotated[int, Query(description="Milliseconds.")] = WAIT_MS[0],
) -> dict[str, Any]:
    """Queue a job and wait for its end; what is not over by then is polled with `status`."""
    job = await run_in_threadpool(_submit, call)
    seconds = max(WAIT_MS[1], min(WAIT_MS[2], wait)) / 1000
    job = await until_over(feeds, call.jobs, call.account, job, seconds)
    return await run_in_threadpool(_view, request, call.account, call.jobs, job)


@router.get("/status/{id}", responses=_ERRORS)
@router.post("/status/{id}", responses=_ERRORS, include_in_schema=False)
def status(
    request: Request, account: Reader, jobs: Jobs, endpoint: Endpoint, id: JobId
) -> dict[str, Any]:
    """A job; while it runs `output` is its progress, afterwards the clip."""
    del endpoint
    return _view(request, account, jobs, jobs.get(account, id))


@router.get("/stream/{id}", responses=_ERRORS)
@router.post("/stream/{id}", responses=_ERRORS, include_in_schema=False)
def stream(
    request: Request, account: Reader, jobs: Jobs, endpoint: Endpoint, id: JobId
) -> dict[str, Any]:
    """What happened since the last call, each chunk once: progress, then the clip."""
    del endpoint
    job = jobs.get(account, id)
    chunks: Chunks = request.app.state.runpod_chunks
    events = chunks.fresh(id, lambda after: jobs.events(account, id, after))
    told = [{"kind": event.kind, **event.data} for event in events if event.kind == "progress"]
    if any(event.kind == "succeeded" for event in events):
        told.append(_output(request, account, jobs, job))
    return views.stream_view(job, told)


@router.post("/cancel/{id}", responses=_ERRORS)
def cancel(account: Writer, jobs: Jobs, endpoint: Endpoint, id: JobId) -> dict[str, Any]:
    """Stop a job; a running one stops within one step."""
    del endpoint
    job = jobs.cancel(account, id)
    state = views.accepted_view(job)
    return state if job.is_terminal else {**state, "status": "CANCELLED"}


@router.get("/health", responses=_ERRORS)
def health(request: Request, account: Reader, endpoint: Endpoint) -> dict[str, Any]:
    """The account's jobs by state, and how many workers are idle and busy."""
    del endpoint
    app = app_of(request)
    with app.database.read() as conn:
        counts = by_state(conn, account.id)
    slots = app.pool.slots() if app.pool is not None else ()
    states = [slot.state for slot in slots]
    named = {str(state): number for state, number in counts.items()}
    return views.health_view(named, states.count("ready"), states.count("busy"))


@router.post("/purge-queue", responses=_ERRORS)
def purge_queue(account: Writer, jobs: Jobs, endpoint: Endpoint) -> dict[str, Any]:
    """Cancel every job of the endpoint that waits."""
    which = JobFilter(states=(JobState.QUEUED,), dialect=DIALECT, limit=100, ascending=True)
    removed, cursor = 0, None
    while True:
        page = jobs.list(account, JobFilter(**{**vars(which), "cursor": cursor}))
        for job in page.jobs:
            if ((job.metadata or {}).get(NOTES) or {}).get("endpoint") == endpoint:
                removed += str(jobs.cancel(account, job.id).state) == "cancelled"
        cursor = page.next_cursor
        if cursor is None:
            return {"removed": removed, "status": "completed"}


def _submit(call: Call) -> Job:
    """Queue a job. Raises RequestRefused with every problem, in the caller's words."""
    asked = read(call.given)
    if not asked.reading.is_open:
        asked.reading.refuse()
    submission = _submission(call, asked)
    try:
        if asked.reading.problems:
            call.jobs.quote(call.account, submission)  # tells what else is wrong
            raise RequestRefused(asked.reading.problems)
        return call.jobs.submit(call.account, submission)
    except RequestRefused as refused:
        asked.reading.refuse(refused.problems)
        raise


def _submission(call: Call, asked: Asked) -> Submission:
    chosen = _chosen(call.models, call.endpoint, asked.request)
    notes = {"endpoint": call.endpoint, "inline": asked.inline, "signed": asked.signed}
    return Submission(
        chosen.request,
        idempotency_key=call.key,
        webhook_url=asked.webhook,
        priority=LOW_PRIORITY if asked.low_priority else 0,
        metadata={NOTES: notes},
        dialect=DIALECT,
        timeout_seconds=asked.timeout_seconds,
        warnings=chosen.notes,
    )


def _chosen(models: StandIns, endpoint: str, request: dict[str, Any]) -> Chosen:
    """An endpoint called as a model or a preset is one; any other has the dialect's defaults."""
    if "model" not in request and "preset" not in request:
        if endpoint in models.catalog.models:
            return models.choose({**request, "model": endpoint})
        if endpoint in models.catalog.presets:
            return models.choose(request, endpoint)
    return models.choose(request, PRESET)


def _view(request: Request, account: Account, jobs: Jobs, job: Job) -> dict[str, Any]:
    done = str(job.state) == "succeeded" and job.result is not None
    return views.status_view(job, _output(request, account, jobs, job) if done else None)


def _output(request: Request, account: Account, jobs: Jobs, job: Job) -> dict[str, Any]:
    if job.result is None:
        return {"ok": False, "error": "The clip has expired."}
    notes = (job.metadata or {}).get(NOTES) or {}
    stored = jobs.artifact(account, job.id)
    store = app_of(request).store
    link: dict[str, Any] = {"url": link_of(request, account, job)}
    if notes.get("inline") and stored.bytes <= INLINE_BYTES:
        link["base64"] = base64.b64encode(b"".join(store.open(stored.key))).decode("ascii")
    output = views.output_of(job, link)
    if isinstance(store, SupabaseStore):
        output["supabase"] = views.supabase_view(
            store.bucket,
            store.path_of(stored.key),
            link["url"] if notes.get("signed", True) else None,
            store.public_url(stored.key),
        )
    return output
