"""Routes of a job's events: Server-Sent Events and WebSocket, both resumable."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Header, Query
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.websockets import WebSocket

from ltxserve.accounts.accounts import Account
from ltxserve.api import docs, sse
from ltxserve.api.auth import SUBPROTOCOL, Gate, Reader
from ltxserve.api.context import FeedsOf, JobId, Jobs, app_of, checked_id
from ltxserve.api.events import Listening, Read, converse, refuse, resume, stream
from ltxserve.api.native.views import ROOT
from ltxserve.errors import LtxserveError

router = APIRouter(prefix=ROOT, tags=["generations"])


@router.get(
    "/{id}/events",
    responses={
        200: {"description": "Events, one per change.", "content": {"text/event-stream": {}}},
        204: {"description": "The last event was seen; an EventSource stops asking."},
        **docs.problems(docs.READ),
    },
)
def events(
    account: Reader,
    jobs: Jobs,
    feeds: FeedsOf,
    id: JobId,
    last_event_id: Annotated[str | None, Header(alias="Last-Event-ID")] = None,
    after: Annotated[int | None, Query(ge=0, le=2**31)] = None,
) -> Response:
    """What happens to the job, as Server-Sent Events until it is over.

    Each event's id is its number, rising by one; Last-Event-ID or ?after= goes on after it. A
    comment comes every 15 seconds. Closing the connection loses nothing.
    """
    read: Read = partial(jobs.events, account, id)
    seen = resume(read, sse.last_seen(last_event_id, after))
    jobs.get(account, id)
    return stream(Listening(feeds, id, read, seen))


@router.websocket("/{id}/ws")
async def socket(socket: WebSocket, id: str) -> None:
    """The same events as JSON messages; {"kind": "heartbeat"} every 15 seconds.

    The key may come as the subprotocol ltxserve.key.<key>, for browsers. Refusals close with 4000
    plus their HTTP status.
    """
    offered = [name for name in socket.scope.get("subprotocols", []) if name]
    mine = next((name for name in offered if name.startswith(SUBPROTOCOL)), None)
    await socket.accept(subprotocol=mine)
    try:
        listening = await run_in_threadpool(_listening, socket, id)
    except LtxserveError as error:
        await refuse(socket, error)
        return
    await converse(socket, listening)


def _listening(socket: WebSocket, given: str) -> Listening:
    gate: Gate = socket.app.state.gate
    account: Account = gate.admit(socket.headers)
    account.require("read")
    jobs, job_id = app_of(socket).generations, checked_id(given)
    jobs.get(account, job_id)
    read: Read = partial(jobs.events, account, job_id)
    after = socket.query_params.get("after")
    seen = sse.last_seen(socket.headers.get("last-event-id") or after, None)
    return Listening(socket.app.state.feeds, job_id, read, resume(read, seen))
