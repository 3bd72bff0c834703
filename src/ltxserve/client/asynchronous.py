"""`AsyncClient`: the same calls, awaited; carries out the flows' steps with httpx's own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
from pydantic import BaseModel

from ltxserve.client import flows, sources
from ltxserve.client.bodies import body_of, stitch_body
from ltxserve.client.connection import DEFAULT_SERVER, Connection, answer_of, lost, prepared
from ltxserve.client.download import OnBytes, download
from ltxserve.client.steps import (
    Answer,
    Clock,
    Emit,
    Flow,
    Lost,
    Open,
    Request,
    Send,
    Sleep,
    Step,
)
from ltxserve.client.views import Job, JobEvent, Page, Quote, Upload

T = TypeVar("T")
Body = BaseModel | Mapping[str, Any] | str | None
OnChange = Callable[[Job], None]


class AsyncClient:
    """A service, called from one event loop; an async context manager.

    Every method raises the errors of `ltxserve.errors` that the service answers with, and
    ServiceUnavailable where it does not answer.
    """

    def __init__(self, server: str | Connection = DEFAULT_SERVER, key: str | None = None) -> None:
        connection = server if isinstance(server, Connection) else Connection(server, key)
        self._timeout = connection.timeout
        self._http = httpx.AsyncClient(**connection.options())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Let go of all connections."""
        await self._http.aclose()

    async def generate(
        self,
        request: Body = None,
        *,
        wait: bool = True,
        timeout: float | None = None,
        on_change: OnChange | None = None,
        idempotency_key: str | None = None,
        **fields: Any,
    ) -> Job:
        """Make a clip of a prompt, a GenerationRequest or a mapping, with `fields` laid over.

        Local files in it are uploaded. With `wait` the job comes back when it has succeeded, and
        its error is raised if it failed; `timeout` seconds later ServiceUnavailable
        `wait_timed_out`, while the job goes on.
        """
        body = await self._run(sources.settled(body_of(request, fields)))
        job = await self._run(flows.submit(flows.ROOT, body, idempotency_key))
        return (await self.wait(job.id, timeout, on_change)).checked() if wait else job

    async def stitch(
        self,
        clips: Iterable[Any],
        *,
        wait: bool = True,
        timeout: float | None = None,
        on_change: OnChange | None = None,
        idempotency_key: str | None = None,
        **fields: Any,
    ) -> Job:
        """Join clips: finished jobs or their ids, uploads' ids, URLs, local files, or mappings
        with `source` and start, end, speed, volume, transition. Waits as `generate` does."""
        body = await self._run(sources.settled(stitch_body(clips, fields)))
        job = await self._run(flows.submit("/api/stitches", body, idempotency_key))
        return (await self.wait(job.id, timeout, on_change)).checked() if wait else job

    async def quote(self, request: Body = None, **fields: Any) -> Quote:
        """What a request would cost and how it would run; uploads and starts nothing."""
        return await self._run(flows.quote(body_of(request, fields)))

    async def get(self, job_id: str) -> Job:
        """A job as it is now."""
        return await self._run(flows.get(job_id))

    async def wait(
        self, job_id: str, timeout: float | None = None, on_change: OnChange | None = None
    ) -> Job:
        """The job when it is over, however it ended; `on_change` hears of each step."""
        return await self._run(flows.wait(job_id, timeout, on_change))

    async def page(self, **filters: Any) -> Page:
        """One page of jobs: state, parent_id, order, limit, cursor."""
        return await self._run(flows.page(filters))

    def list(self, **filters: Any) -> AsyncIterator[Job]:
        """Every job that the filters let through, newest first, page by page."""
        return self._iterate(flows.pages(filters))

    def events(self, job_id: str, after: int = 0) -> AsyncIterator[JobEvent]:
        """What happens to a job until it is over; lost connections are taken up again."""
        return self._iterate(flows.events(job_id, after))

    async def cancel(self, job_id: str) -> Job:
        """Stop a job; one that is over stays as it is."""
        return await self._run(flows.cancel(job_id))

    async def delete(self, job_id: str) -> None:
        """Remove a job that is over, with its files."""
        await self._run(flows.delete(job_id))

    async def download(
        self,
        job: Job | str,
        to: str | Path,
        variant: str = "video",
        on_bytes: OnBytes | None = None,
    ) -> Path:
        """Fetch a job's file (video, thumbnail, preview, audio) to a path or into a folder."""
        job_id = job.id if isinstance(job, Job) else job
        return await self._run(download(job_id, Path(to), variant, on_bytes))

    async def upload(self, path: str | Path) -> Upload:
        """Hand a file to the service; the id stands for it in requests."""
        return await self._run(sources.upload(Path(path)))

    async def _run(self, flow: Flow[T]) -> T:
        """Carry a flow out and return its result."""
        conversation = _Conversation(self._http, self._timeout)
        try:
            step = next(flow)
            while True:
                step = flow.send(await conversation.carry_out(step))
        except StopIteration as end:
            return end.value
        finally:
            flow.close()
            await conversation.close()

    async def _iterate(self, flow: Flow[None]) -> AsyncIterator[Any]:
        """Carry a flow out and yield what it emits."""
        conversation = _Conversation(self._http, self._timeout)
        try:
            step = next(flow)
            while True:
                if isinstance(step, Emit):
                    yield step.thing
                    step = flow.send(None)
                else:
                    step = flow.send(await conversation.carry_out(step))
        except StopIteration:
            return
        finally:
            flow.close()
            await conversation.close()


class _Conversation:
    """One flow's steps on the wire; at most one body is open."""

    def __init__(self, http: httpx.AsyncClient, timeout: float) -> None:
        self._http = http
        self._timeout = timeout
        self._open: httpx.Response | None = None
        self._pieces: AsyncIterator[bytes] = _nothing()

    async def carry_out(self, step: Step) -> Any:
        if isinstance(step, Send):
            return await self._send(step.request)
        if isinstance(step, Open):
            return await self._begin(step.request)
        if isinstance(step, Sleep):
            await asyncio.sleep(step.seconds)
        elif isinstance(step, Clock):
            return time.monotonic()
        else:
            return await self._read()
        return None

    async def close(self) -> None:
        if self._open is not None:
            await self._open.aclose()
            self._open = None

    async def _send(self, request: Request) -> Answer | Lost:
        try:
            with prepared(request, self._timeout) as arguments:
                response = await self._http.send(self._http.build_request(**arguments))
            return answer_of(response, response.content)
        except httpx.HTTPError as error:
            return lost(error)

    async def _begin(self, request: Request) -> Answer | Lost:
        await self.close()
        try:
            with prepared(request, self._timeout) as arguments:
                built = self._http.build_request(**arguments)
                self._open = await self._http.send(built, stream=True)
        except httpx.HTTPError as error:
            return lost(error)
        self._pieces = self._open.aiter_bytes()
        return answer_of(self._open)

    async def _read(self) -> bytes | Lost | None:
        try:
            return await anext(self._pieces, None)
        except httpx.HTTPError as error:
            return lost(error)


async def _nothing() -> AsyncIterator[bytes]:
    for piece in ():
        yield piece
