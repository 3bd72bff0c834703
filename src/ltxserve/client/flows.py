"""What a client says to the service and how it takes the answers: the one core of both clients.

Knows the native API; opens no connection and reads no clock itself (see `steps`).
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from ltxserve.client import views
from ltxserve.client.failures import from_answer, too_late, unreachable, unreadable_answer
from ltxserve.client.sse import Reader
from ltxserve.client.steps import Answer, Clock, Emit, Flow, Lost, Open, Read, Request, Sleep
from ltxserve.client.steps import Send as SendStep
from ltxserve.client.views import Job, JobEvent

T = TypeVar("T")

ROOT = "/api/generations"
TRIES = 4
"""How often a request that may be repeated is sent, and a lost stream taken up, in a row."""
_PAUSES = (0.25, 1.0, 3.0)  # seconds between the tries
_AGAIN = frozenset({502, 503, 504})
_POLLS = (0.1, 1.5, 2.0)  # seconds: first, growing by this factor, at most
_SILENCE = 60.0  # seconds; the service's heartbeat comes every 15


def call(request: Request, read: Callable[[views.Json], T], *, repeat: bool = True) -> Flow[T]:
    """Send a request and read its JSON. Raises what the service answers.

    With `repeat`, no answer and 502 to 504 are tried again: for requests that do not count twice.
    """
    answer = yield from exchange(request, repeat=repeat)
    try:
        data = json.loads(answer.body) if answer.body else {}
    except ValueError as error:
        raise unreadable_answer("JSON") from error
    if not isinstance(data, dict):
        raise unreadable_answer("a JSON object")
    return read(data)


def exchange(request: Request, *, repeat: bool = True, done: int | None = None) -> Flow[Answer]:
    """Send a request until there is an answer worth having.

    done: the status that says, from the second try on, that a try before was heard.
    """
    for number, pause in enumerate((*_PAUSES, None)):
        answer = yield SendStep(request)
        last = pause is None or not repeat
        if isinstance(answer, Lost):
            if last:
                raise unreachable("The service", answer.why)
        elif answer.status < 400 or (number and answer.status == done):
            return answer
        elif last or answer.status not in _AGAIN:
            raise from_answer(answer.status, answer.media_type, answer.body)
        yield Sleep(pause or 0)
    raise AssertionError("the last try returns or raises")


def submit(path: str, body: Mapping[str, Any], idempotency_key: str | None) -> Flow[Job]:
    """Queue a job once: the key makes repeating harmless, and one is made where none is given."""
    headers = {"Idempotency-Key": idempotency_key or uuid.uuid4().hex}
    return (yield from call(Request("POST", path, json=dict(body), headers=headers), views.job))


def get(job_id: str) -> Flow[Job]:
    """A job as it is now."""
    return (yield from call(Request("GET", f"{ROOT}/{job_id}"), views.job))


def cancel(job_id: str) -> Flow[Job]:
    """Stop a job."""
    return (yield from call(Request("POST", f"{ROOT}/{job_id}/cancel"), views.job))


def delete(job_id: str) -> Flow[None]:
    """Remove a job that is over."""
    yield from exchange(Request("DELETE", f"{ROOT}/{job_id}"), done=404)


def page(params: Mapping[str, Any]) -> Flow[views.Page]:
    """One page of jobs."""
    return (yield from call(Request("GET", ROOT, params=params), views.page))


def pages(params: Mapping[str, Any]) -> Flow[None]:
    """Emit every job of a list, page by page."""
    cursor: str | None = None
    while True:
        found = yield from page({**params, **({"cursor": cursor} if cursor else {})})
        for job in found.jobs:
            yield Emit(job)
        cursor = found.next_cursor
        if cursor is None:
            return


def quote(body: Mapping[str, Any]) -> Flow[views.Quote]:
    """What a request would cost."""
    return (yield from call(Request("POST", "/api/quote", json=dict(body)), views.quote))


def wait(
    job_id: str, timeout: float | None = None, on_change: Callable[[Job], None] | None = None
) -> Flow[Job]:
    """Ask until a job is over. Raises ServiceUnavailable `wait_timed_out` after `timeout` s."""
    began = yield Clock()
    pause, factor, longest = _POLLS
    seen: Job | None = None
    while True:
        job = yield from get(job_id)
        if on_change is not None and (seen is None or _differs(job, seen)):
            on_change(job)
        seen = job
        if job.is_over:
            return job
        left = None if timeout is None else timeout - ((yield Clock()) - began)
        if timeout is not None and left is not None and left <= 0:
            raise too_late(job_id, job.state, timeout)
        yield Sleep(pause if left is None else min(pause, left))
        pause = min(pause * factor, longest)


def _differs(job: Job, before: Job) -> bool:
    return (job.state, job.progress) != (before.state, before.progress)


def events(job_id: str, after: int = 0) -> Flow[None]:
    """Emit what happens to a job until it is over; a lost connection is taken up where it broke.

    Every event comes once, in order. Raises ServiceUnavailable when the connection cannot be had
    again.
    """
    failures = 0
    while True:
        lost, reached, is_over = yield from _listen(job_id, after)
        if is_over:
            return
        failures = 0 if reached > after else failures + 1
        after = reached
        if failures >= TRIES:
            raise unreachable("The event stream", lost or "it ends before the job does")
        yield Sleep(_PAUSES[min(failures, len(_PAUSES) - 1)])


def _listen(job_id: str, after: int) -> Flow[tuple[str | None, int, bool]]:
    """One connection's events: why it was lost, the last number seen, whether the job is over."""
    headers = {"Accept": "text/event-stream", "Last-Event-ID": str(after)}
    request = Request("GET", f"{ROOT}/{job_id}/events", headers=headers, timeout=_SILENCE)
    answer = yield from _opened(request)
    if isinstance(answer, Lost):
        return answer.why, after, False
    if answer.status == 204:
        return None, after, True
    reader = Reader()
    while True:
        piece = yield Read()
        if piece is None or isinstance(piece, Lost):
            return getattr(piece, "why", None), after, False
        for message in reader.feed(piece):
            event = _event(message.data)
            if event.seq > after:
                after = event.seq
                yield Emit(event)
            if event.is_last:
                return None, after, True


def _opened(request: Request) -> Flow[Answer | Lost]:
    """An open stream, or why there is none that may come yet. Raises what the service refuses."""
    answer = yield Open(request)
    if isinstance(answer, Lost) or answer.status < 400:
        return answer
    body = b""
    while isinstance(piece := (yield Read()), bytes):
        body += piece
    if answer.status in _AGAIN:
        return Lost(f"status {answer.status}")
    raise from_answer(answer.status, answer.media_type, body)


def _event(data: str) -> JobEvent:
    try:
        return views.event(json.loads(data))
    except (ValueError, TypeError) as error:
        raise unreadable_answer("an event") from error
