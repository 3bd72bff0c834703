"""Status bodies of the simple dialect."""

import pytest

from ltxserve.api.simple import views
from ltxserve.errors import LtxserveError, Problem, RequestRefused
from tests.api.making import ID, done, failed, job, said


@pytest.mark.parametrize(
    ("made", "status"),
    [
        (job(), "queued"),
        (job(state="running"), "processing"),
        (done(), "completed"),
        (failed(), "failed"),
        (job(state="cancelled"), "failed"),
    ],
)
def test_states(made: object, status: str):
    view = views.status_view(made)  # pyright: ignore[reportArgumentType]
    assert (view["status"], view["id"], view["job_id"]) == (status, ID, ID)
    assert (view["result_url"] is None) == (status != "completed")
    assert (view["error"] is None) == (status != "failed")


def test_what_was_changed_is_told():
    made = job(warnings=["smaller"])
    assert views.status_view(made, 2)["warnings"] == ["smaller"]
    assert views.status_view(made, 2)["queue_position"] == 2


def test_errors_have_the_specified_statuses():
    assert said(views.ERRORS, LtxserveError("not_ready", "x"))[0] == 400
    assert said(views.ERRORS, LtxserveError("job_not_found", "x"))[0] == 404
    status, body = said(views.ERRORS, RequestRefused([Problem("prompt_empty", "No.", "")]))
    assert (status, body["problems"][0]["code"]) == (400, "prompt_empty")
    assert "No." in body["error"]
