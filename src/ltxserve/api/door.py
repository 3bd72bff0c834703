"""The outermost layer of the HTTP service: ids, one log line per request, and no bug unanswered.

Knows nothing of routes; what it logs has neither query strings nor headers, which hold secrets.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ltxserve.api.errors import BUG, accepted_request_id, respond
from ltxserve.errors import LtxserveError

_log = logging.getLogger(__name__)

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-site",
}


NUL = LtxserveError(
    "body_invalid", "The address holds a NUL character.", "No name and no id here has one."
)
"""Refused for all routes at once: PostgreSQL's texts cannot hold it."""


@dataclass(frozen=True)
class Handled:
    """One request that was answered: what /metrics counts. `route` is a template, not a path."""

    method: str
    route: str
    status: int
    seconds: float


class Door:
    """Gives each request an id, logs it once, counts it, and answers for our bugs with a 500."""

    def __init__(self, app: ASGIApp, count: Callable[[Handled], None]) -> None:
        self._app = app
        self._count = count

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        request_id = accepted_request_id(request.headers.get("x-request-id")) or uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            await self._answer(request, send, request_id)

    async def _answer(self, request: Request, send: Send, request_id: str) -> None:
        began = time.monotonic()
        status: list[int] = []

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start":
                status.append(message["status"])
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = request_id
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            if _has_nul(request.scope):
                await respond(NUL, request)(request.scope, request.receive, watched)
                return
            await self._app(request.scope, request.receive, watched)
        except Exception as error:  # the door: whatever it is, the caller gets an answer
            _log.exception("a bug: %s", type(error).__name__, extra=_extra(request))
            if status:
                raise  # half an answer is out: only a broken connection says that it is half
            await respond(BUG, request)(request.scope, request.receive, watched)
        finally:
            self._tell(request, status[0] if status else 499, time.monotonic() - began)

    def _tell(self, request: Request, status: int, seconds: float) -> None:
        done = Handled(request.method, route_of(request.scope), status, seconds)
        self._count(done)
        told = {"status": status, "seconds": round(seconds, 4)}
        _log.info("request", extra={**_extra(request), **told})


def _extra(request: Request) -> dict[str, str | None]:
    return {
        "method": request.method,
        "route": route_of(request.scope),
        "account_id": request.scope.get("state", {}).get("account_id"),
    }


def _has_nul(scope: Scope) -> bool:
    return "\x00" in scope["path"] or b"%00" in scope.get("query_string", b"")


def route_of(scope: Scope) -> str:
    """The template of the route that a request met, such as /api/generations/{id}."""
    return str(getattr(scope.get("route"), "path", "(none)"))
