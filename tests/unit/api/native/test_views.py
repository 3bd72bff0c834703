"""What native callers see of a job."""

import json

from ltxserve.api.native import views
from tests.api.making import ID, done, failed, job


def test_a_waiting_job():
    view = views.job_view(job(), queue_position=3)
    assert (view["state"], view["object"], view["id"]) == ("queued", "generation", ID)
    assert view["progress"] == {
        "stage": None,
        "step": None,
        "of": None,
        "percent": 0,
        "eta_seconds": None,
        "queue_position": 3,
    }
    assert (view["width"], view["num_frames"], view["artifacts"], view["error"]) == (
        256,
        49,
        {},
        None,
    )
    assert view["price"] == {"credits": 3, "price_list": "free"}
    assert "request" not in view
    assert json.dumps(view)


def test_a_finished_job_names_its_files_but_not_where_they_are_kept():
    view = views.job_view(done())
    assert view["artifacts"]["video"]["url"] == f"/api/generations/{ID}/content"
    assert view["artifacts"]["preview"]["url"].endswith("?variant=preview")
    assert "key" not in view["artifacts"]["video"]
    assert (view["seed"], view["worker"], view["progress"]["percent"]) == (7, "cpu:0", 100)


def test_a_failed_job_says_why():
    assert views.job_view(failed())["error"]["code"] == "out_of_memory"


def test_the_full_view_has_request_plan_and_children():
    view = views.full_view(job(kind="batch"), None, [job(), done()])
    assert view["request"] == {"prompt": "a red ball"}
    assert view["plan"]["model"] == "tiny"
    assert [child["state"] for child in view["children"]] == ["queued", "succeeded"]
    assert "children" not in views.full_view(job(), None)


def test_a_page():
    page = views.page_view([job()], "next")
    assert (page["has_more"], page["next_cursor"], len(page["data"])) == (True, "next", 1)
    assert views.page_view([], None)["has_more"] is False
