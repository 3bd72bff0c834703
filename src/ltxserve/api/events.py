"""A job's events over Server-Sent Events and WebSocket, resumable; knows no dialect's routes.

A listener that goes away takes nothing with it: jobs run on, and events wait in the database.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response, StreamingResponse
from starlette.websockets import WebSocket, WebSocketDisconnect

from ltxserve.api import sse
from ltxserve.api.facts import iso
from ltxserve.api.feeds import LAST_KINDS, Feeds, Read
from ltxserve.api.statuses import status_of
from ltxserve.errors import LtxserveError
from ltxserve.jobs.events import Event

HEARTBEAT = {"kind": "heartbeat"}
REFUSED = 4000
"""WebSocket close codes: this plus the HTTP status that the same refusal has."""


@dataclass(frozen=True)
class Listening:
    """One listener: to which job, how its events are read, after which it goes on."""

    feeds: Feeds
    job_id: str
    read: Read
    after: int

    def events(self) -> AsyncGenerator[Event | None, None]:
        """The job's events; None = a heartbeat is due."""
        return self.feeds.listen(self.job_id, self.read, self.after)


def resume(read: Read, after: int) -> int:
    """The number to go on after: 0 where the client names an event that never was.

    Otherwise a client with another server's number would wait for an event that cannot come.
    """
    if after > 0 and not any(event.seq == after for event in read(after - 1)):
        return 0
    return after


def is_done(read: Read, after: int) -> bool:
    """Whether the client has seen the last event already."""
    return after > 0 and any(event.kind in LAST_KINDS for event in read(after - 1)[:1])


def event_view(event: Event, job_id: str) -> dict[str, Any]:
    """One event, the same over SSE and WebSocket."""
    return {
        "seq": event.seq,
        "kind": event.kind,
        "job_id": job_id,
        "created_at": iso(event.created_at),
        "data": event.data,
    }


def stream(listening: Listening) -> Response:
    """The events as Server-Sent Events; 204, which stops an EventSource, where all were seen."""
    if is_done(listening.read, listening.after):
        return Response(status_code=204)
    return StreamingResponse(_frames(listening), 200, sse.HEADERS, "text/event-stream")


async def _frames(listening: Listening) -> AsyncGenerator[bytes, None]:
    yield sse.opening()
    # The job was removed, or the database is away: whoever comes back is told so with a status.
    with suppress(LtxserveError):
        async with aclosing(listening.events()) as events:
            async for event in events:
                if event is None:
                    yield sse.HEARTBEAT
                else:
                    yield sse.frame(event.seq, event.kind, event_view(event, listening.job_id))


async def converse(socket: WebSocket, listening: Listening) -> None:
    """The events over an accepted WebSocket, which is closed (1000) after the last one.

    What the client says is read, so that its goodbye is noticed, and ignored.
    """
    sending = asyncio.create_task(_send(socket, listening))
    hearing = asyncio.create_task(_hear(socket))
    try:
        await asyncio.wait({sending, hearing}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (sending, hearing):
            task.cancel()
        results = await asyncio.gather(sending, hearing, return_exceptions=True)
    for result in results:
        if isinstance(result, LtxserveError):
            await refuse(socket, result)
        elif isinstance(result, Exception) and not isinstance(result, WebSocketDisconnect):
            raise result


async def refuse(socket: WebSocket, error: LtxserveError) -> None:
    """Say what is wrong over an accepted WebSocket and close it with 4000 plus the status."""
    with suppress(WebSocketDisconnect):
        await socket.send_json({"kind": "error", **error.to_dict()})
        await socket.close(REFUSED + status_of(error), error.code)


async def _send(socket: WebSocket, listening: Listening) -> None:
    async with aclosing(listening.events()) as events:
        async for event in events:
            view = HEARTBEAT if event is None else event_view(event, listening.job_id)
            await socket.send_json(view)
    await socket.close()


async def _hear(socket: WebSocket) -> None:
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass
