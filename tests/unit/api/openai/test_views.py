"""Videos, pages and errors as the official SDK's own models read them."""

import warnings
from typing import Any

import pytest
from openai.types import Video, VideoDeleteResponse

from ltxserve.api.openai import views
from ltxserve.errors import LtxserveError, Problem, RequestRefused
from tests.api.making import ID, done, failed, job, said


def video(view: dict[str, Any]) -> Video:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # Its sizes are those of models that are gone; the SDK itself does not insist on them.
        assert Video.model_validate({**view, "size": "1280x720"}, strict=True)
        return Video.construct(**view)


@pytest.mark.parametrize(
    ("made", "status", "progress"),
    [
        (job(), "queued", 0),
        (job(state="running", progress={"percent": 40}), "in_progress", 40),
        (done(), "completed", 100),
        (failed(), "failed", 0),
        (job(state="cancelled"), "failed", 0),
    ],
)
def test_the_sdks_model_takes_every_state(made: Any, status: str, progress: int):
    got = video(views.video_view(made))
    assert (got.id, got.status, got.progress, got.size) == (ID, status, progress, "256x128")


def test_a_failed_video_says_why():
    assert video(views.video_view(failed()))
    error = views.error_of(failed())
    assert error == {"code": "out_of_memory", "message": "No memory. Go smaller."}
    gone = views.error_of(job(state="cancelled"))
    assert gone is not None
    assert gone["code"] == "cancelled"


@pytest.mark.parametrize(
    ("request_", "seconds"),
    [({}, "2.04"), ({"seconds": 2}, "2"), ({"seconds": 2.1}, "2.1"), ({"seconds": 9}, "2.04")],
)
def test_seconds_are_as_asked_while_that_is_true(request_: dict[str, Any], seconds: str):
    assert views.seconds_of(done(request={"prompt": "x", **request_})) == seconds


def test_notes_of_this_dialect_are_shown():
    notes = {"openai": {"model": "sora-2", "remixed_from_video_id": "v0"}}
    view = views.video_view(job(metadata=notes, warnings=["slow"]))
    assert (view["model"], view["remixed_from_video_id"]) == ("sora-2", "v0")
    assert view["warnings"] == ["slow"]


@pytest.mark.parametrize(
    ("made", "wait"),
    [
        (job(), 500),
        (job(progress={"eta_seconds": 4}), 1000),
        (job(progress={"eta_seconds": 900}), 5000),
        (done(), 250),
    ],
)
def test_when_to_ask_again(made: Any, wait: int):
    assert views.poll_after_ms(made) == wait


def test_pages_and_deletes():
    page = views.page_view([job(), done()], more=True)
    assert (page["first_id"], page["last_id"], page["has_more"]) == (ID, ID, True)
    assert views.page_view([], more=False)["last_id"] is None
    assert VideoDeleteResponse.model_validate(views.deleted_view("v")).deleted


def test_errors_have_openais_envelope():
    problems = [Problem("source_invalid", "No.", "Yes.", "conditions.0.source")]
    status, body = said(views.ERRORS, RequestRefused(problems))
    assert status == 400
    assert body["error"]["type"] == "invalid_request_error"
    assert (body["error"]["code"], body["error"]["param"]) == ("source_invalid", "input_reference")
    assert (
        said(views.ERRORS, LtxserveError("insufficient_credits", "x"))[1]["error"]["type"]
        == "insufficient_quota"
    )
    assert (
        said(views.ERRORS, LtxserveError("database_unavailable", "x"))[1]["error"]["type"]
        == "server_error"
    )
