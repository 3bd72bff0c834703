"""Refusals of the service become the library's own errors."""

import json
from typing import Any

import pytest

from ltxserve import errors
from ltxserve.client.failures import error_of, from_answer, too_late
from ltxserve.errors import InsufficientCredits, LtxserveError, RequestRefused


def answer(status: int, **body: Any) -> LtxserveError:
    return from_answer(status, "application/problem+json", json.dumps(body).encode())


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (401, "unauthorized", errors.AccessDenied),
        (403, "forbidden", errors.AccessDenied),
        (404, "job_not_found", errors.NotFound),
        (404, "media_not_found", errors.MediaError),
        (409, "idempotency_conflict", errors.Conflict),
        (409, "cancelled", errors.Cancelled),
        (413, "media_too_large", errors.MediaError),
        (429, "too_many_jobs", errors.LimitReached),
        (500, "internal_error", errors.ServiceUnavailable),
        (503, "database_unavailable", errors.DatabaseUnavailable),
        (503, "weights_missing", errors.ModelUnavailable),
        (507, "storage_full", errors.StorageError),
        (418, "of_tomorrow", errors.LtxserveError),
    ],
)
def test_each_code_has_its_class(status: int, code: str, kind: type[LtxserveError]):
    error = answer(status, code=code, detail="It is so.", hint="Do that.", field="x")
    assert type(error) is kind
    assert (error.code, error.message, error.hint, error.field) == (
        code,
        "It is so.",
        "Do that.",
        "x",
    )


def test_every_problem_comes_along():
    problems = [
        {"code": "prompt_empty", "message": "Empty.", "hint": "Write.", "field": "prompt"},
        {"code": "size_out_of_range", "message": "Wide.", "hint": "Less.", "field": "width"},
    ]
    error = answer(422, code="request_refused", detail="Two problems.", problems=problems)
    assert isinstance(error, RequestRefused)
    assert error.codes == ("prompt_empty", "size_out_of_range")


def test_what_is_short_is_known():
    told = InsufficientCredits(90, 12)
    read = answer(402, code=told.code, detail=told.message)
    assert isinstance(read, InsufficientCredits)
    assert (read.price, read.balance) == (90, 12)
    read = answer(402, code=told.code, detail="In words of another.", price=7, balance=3)
    assert isinstance(read, InsufficientCredits)
    assert (read.price, read.balance) == (7, 3)


@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        ("text/html", b"<h1>Bad Gateway</h1>"),
        ("application/json", b"{"),
        ("application/json", b"[]"),
    ],
)
def test_somebody_elses_page(media_type: str, body: bytes):
    error = from_answer(502, media_type, body)
    assert error.code == "service_answer_invalid"
    assert "502" in error.message


def test_a_jobs_own_error():
    kept = error_of({"code": "out_of_memory", "message": "No memory.", "hint": "Go smaller."})
    assert isinstance(kept, errors.OutOfMemory)
    assert isinstance(error_of({"code": "worker_start_failed"}), errors.GenerationFailed)


def test_too_late_says_that_it_goes_on():
    assert "goes on" in too_late("j", "running", 2.0).hint
