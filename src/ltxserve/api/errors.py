"""How errors leave over HTTP: problem details (RFC 9457) natively, a form of its own per dialect.

Knows how an error is written down; which status a code has stands in statuses.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from ltxserve.api.statuses import RETRY_AFTER, status_of
from ltxserve.errors import CODES, InsufficientCredits, LtxserveError, Problem, RequestRefused

PROBLEM = "application/problem+json"
BUG = LtxserveError(
    "internal_error",
    "The service has a bug that this request met.",
    "Report it with the request id, which is in the X-Request-Id header.",
)
_REQUEST_ID = re.compile(r"[\w.:-]{1,100}")


@dataclass(frozen=True)
class Failure:
    """An error on its way out: the error, its status here, and the request it belongs to."""

    error: LtxserveError
    status: int
    request_id: str

    @property
    def said(self) -> str:
        """Message and hint as one text, for dialects that have one field for both."""
        return f"{self.error.message} {self.error.hint}".strip()

    @property
    def figures(self) -> dict[str, int]:
        """What a caller can reckon with: price and balance where credits are short."""
        if not isinstance(self.error, InsufficientCredits):
            return {}
        return {"price": self.error.price, "balance": self.error.balance}


@dataclass(frozen=True)
class ErrorForm:
    """How a dialect writes an error: its body, and the statuses that it uses in place of ours."""

    body: Callable[[Failure], dict[str, Any]]
    statuses: Mapping[int, int] = field(default_factory=dict)
    media_type: str = "application/json"


def problem_details(failure: Failure) -> dict[str, Any]:
    """An error as problem details; `problems` lists everything wrong with a refused request.

    Where credits are short, `price` and `balance` (whole credits) stand beside them.
    """
    error = failure.error
    return {
        "type": f"/api/errors/{error.code}",
        "title": CODES.get(error.code, HTTPStatus(failure.status).phrase),
        "status": failure.status,
        "code": error.code,
        "detail": error.message,
        "hint": error.hint,
        "field": error.field,
        "problems": [problem.to_dict() for problem in problems_of(error)],
        "request_id": failure.request_id,
        **failure.figures,
    }


NATIVE = ErrorForm(problem_details, media_type=PROBLEM)


def problems_of(error: LtxserveError) -> tuple[Problem, ...]:
    """Everything wrong with a refused request; empty for any other error."""
    return error.problems if isinstance(error, RequestRefused) else ()


def respond(error: LtxserveError, request: Request) -> Response:
    """The answer to a request that failed, in the form of the dialect it was asked in."""
    form = form_of(request)
    ours = status_of(error)
    status = form.statuses.get(ours, ours)
    failure = Failure(error, status, request_id_of(request))
    headers = {"Retry-After": str(RETRY_AFTER[status])} if status in RETRY_AFTER else {}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(form.body(failure), status, headers, form.media_type)


def form_of(request: Request) -> ErrorForm:
    """The error form of the dialect that the request's path belongs to."""
    path = request.url.path
    forms: Mapping[str, ErrorForm] = getattr(request.app.state, "error_forms", {})
    matching = [prefix for prefix in forms if path == prefix or path.startswith(prefix + "/")]
    return forms[max(matching, key=len)] if matching else NATIVE


def request_id_of(request: Request) -> str:
    """The request's id: the caller's own where it is printable and short, set by the door."""
    return str(request.scope.get("state", {}).get("request_id", ""))


def accepted_request_id(given: str | None) -> str | None:
    """A caller's request id if it can go into headers and logs as it is."""
    return given if given and _REQUEST_ID.fullmatch(given) else None


def install(api: FastAPI, forms: Mapping[str, ErrorForm]) -> None:
    """Answer every error that the service expects; `forms`: path prefix -> the dialect's form."""
    api.state.error_forms = dict(forms)
    api.add_exception_handler(LtxserveError, _coded)
    api.add_exception_handler(HTTPException, _http)
    api.add_exception_handler(RequestValidationError, _invalid)


async def _coded(request: Request, error: Exception) -> Response:
    assert isinstance(error, LtxserveError)
    return respond(error, request)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    response = respond(from_http(error), request)
    response.headers.update(error.headers or {})
    return response


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return respond(RequestRefused(_problem(item) for item in error.errors()), request)


def from_http(error: HTTPException) -> LtxserveError:
    """What the web framework itself refuses, as one of our errors."""
    if error.status_code == 405:
        hint = "See /docs for the methods of every address."
        return LtxserveError("method_not_allowed", "This method is not for this address.", hint)
    if error.status_code == 404:
        return LtxserveError("not_found", "There is nothing at this address.", "See /docs.")
    return LtxserveError("body_invalid", str(error.detail), "Send the body as documented at /docs.")


def _problem(item: Mapping[str, Any]) -> Problem:
    where = ".".join(str(part) for part in item["loc"][1:]) or str(item["loc"][0])
    hint = "Correct the value or leave it out."
    return Problem("invalid_field", f"{item['msg']}.", hint, where[:100])
