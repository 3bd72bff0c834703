"""Errors as they leave: problem details natively, another form below a dialect's prefix."""

import json
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request

from ltxserve.api import errors
from ltxserve.api.errors import ErrorForm, Failure
from ltxserve.errors import InsufficientCredits, LtxserveError, Problem, RequestRefused


def request(path: str, *prefixes: str) -> Request:
    """A request to an application whose prefixes answer in a form of their own."""
    api = FastAPI()
    form = ErrorForm(lambda failure: {"bad": failure.error.code}, {422: 400})
    errors.install(api, dict.fromkeys(prefixes, form))
    state = {"request_id": "r1"}
    return Request(
        {"type": "http", "path": path, "headers": [], "app": api, "state": state, "server": None}
    )


def answer(error: LtxserveError, path: str = "/api/generations") -> tuple[Any, dict[str, Any]]:
    response = errors.respond(error, request(path, "/v1", "/api/generate"))
    return response, json.loads(bytes(response.body))


def test_problem_details_say_everything():
    problems = [Problem("seed_out_of_range", "Too big.", "Use less.", "seed")]
    response, body = answer(RequestRefused(problems))
    assert response.status_code == 422
    assert response.media_type == errors.PROBLEM
    assert body["type"] == "/api/errors/request_refused"
    assert body["problems"] == [problems[0].to_dict()]
    assert (body["code"], body["status"], body["request_id"]) == ("request_refused", 422, "r1")
    assert (body["detail"], body["title"]) != ("", "")
    assert body["field"] == "seed"


def test_short_credits_are_figures_too():
    response, body = answer(InsufficientCredits(90, 12))
    assert response.status_code == 402
    assert (body["price"], body["balance"]) == (90, 12)
    assert "price" not in answer(LtxserveError("unauthorized", "x"))[1]


@pytest.mark.parametrize(
    ("path", "status"),
    [("/v1/videos", 400), ("/v1x", 422), ("/api/generate", 400), ("/api/generations", 422)],
)
def test_a_dialect_answers_in_its_own_form(path: str, status: int):
    response, body = answer(RequestRefused([Problem("prompt_empty", "Empty.", "")]), path)
    assert response.status_code == status
    assert ("bad" in body) == (status == 400)


def test_headers_say_when_to_come_back_and_how_to_log_in():
    assert answer(LtxserveError("database_unavailable", "x"))[0].headers["Retry-After"]
    assert answer(LtxserveError("unauthorized", "x"))[0].headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("status", "code"), [(404, "not_found"), (405, "method_not_allowed"), (400, "body_invalid")]
)
def test_what_the_framework_refuses_has_a_code(status: int, code: str):
    assert errors.from_http(HTTPException(status)).code == code


@pytest.mark.parametrize(
    ("given", "kept"),
    [("abc-1:2.3", True), (None, False), ("", False), ("a b", False), ("a" * 101, False)],
)
def test_only_plain_request_ids_are_taken(given: str | None, kept: bool):
    assert errors.accepted_request_id(given) == (given if kept else None)


def test_a_failure_joins_message_and_hint():
    assert Failure(LtxserveError("not_found", "No.", "Look."), 404, "").said == "No. Look."
