"""LTX API jobs and errors."""

import pytest

from ltxserve.api.ltx import views
from ltxserve.errors import LtxserveError, Problem, RequestRefused
from tests.api.making import ID, done, failed, job, said


def test_jobs():
    assert views.accepted_view(job()) == {"id": ID, "created_at": "2023-11-14T22:13:20.250Z"}
    assert views.job_view(job(), None)["status"] == "pending"
    assert views.job_view(job(state="running"), None)["status"] == "processing"
    ready = views.job_view(done(), "http://x/v.mp4")
    assert (ready["status"], ready["result"]) == ("completed", {"video_url": "http://x/v.mp4"})
    assert views.job_view(failed(), None)["error"]["message"] == "No memory. Go smaller."
    assert views.job_view(job(state="cancelled"), None)["status"] == "failed"


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (RequestRefused([Problem("prompt_empty", "x", "")]), 400, "invalid_request_error"),
        (LtxserveError("unauthorized", "x"), 401, "authentication_error"),
        (LtxserveError("insufficient_credits", "x"), 402, "insufficient_funds_error"),
        (LtxserveError("job_not_found", "x"), 404, "not_found_error"),
        (LtxserveError("body_too_large", "x"), 413, "request_too_large"),
        (LtxserveError("database_unavailable", "x"), 503, "service_unavailable"),
        (LtxserveError("internal_error", "x"), 500, "api_error"),
    ],
)
def test_errors(error: LtxserveError, status: int, kind: str):
    got, body = said(views.ERRORS, error)
    assert (got, body["type"], body["error"]["type"]) == (status, "error", kind)
