"""What the service says, as typed values; what it does not say is None, nonsense is an error."""

from datetime import UTC, datetime
from typing import Any

import pytest

from ltxserve.client import views
from ltxserve.errors import Cancelled, OutOfMemory, ServiceUnavailable
from tests.unit.client.script import JOB, job


def test_a_job():
    made = views.job(job("succeeded", seed=7, artifacts={"video": FILE}, from_tomorrow=1))
    assert (made.id, made.state, made.is_over, made.credits, made.seed) == (
        "job-1",
        "succeeded",
        True,
        3,
        7,
    )
    assert made.files["video"].bytes == 5
    assert made.created_at == datetime(2026, 1, 31, 12, 0, 0, 123000, UTC)
    assert made.data["from_tomorrow"] == 1
    assert made.checked() is made
    assert list(made.family()) == [made]


FILE = {"url": "/f", "media_type": "video/mp4", "bytes": 5, "sha256": "00"}


def test_little_is_enough():
    made = views.job({"id": "1", "state": "queued"})
    assert (made.progress.percent, made.credits, made.error, made.is_over) == (
        None,
        None,
        None,
        False,
    )


def test_how_it_ended_is_raised():
    error = {"code": "out_of_memory", "message": "No memory.", "hint": "Go smaller."}
    with pytest.raises(OutOfMemory):
        views.job(job("failed", error=error)).checked()
    with pytest.raises(Cancelled):
        views.job(job("cancelled")).checked()


def test_a_batch_has_children():
    batch = views.job({**JOB, "children": [job(), job("running")]})
    assert [child.state for child in batch.family()] == ["queued", "running"]


@pytest.mark.parametrize(
    ("read", "data"),
    [
        (views.job, {}),
        (views.job, {"id": "1", "state": "queued", "progress": [1]}),
        (views.job, {"id": "1", "state": "queued", "created_at": "soon"}),
        (views.page, {"data": 1}),
        (views.quote, {"credits": None}),
        (views.upload, {"id": "1"}),
        (views.event, {"kind": "queued"}),
    ],
)
def test_nonsense(read: Any, data: dict[str, Any]):
    with pytest.raises(ServiceUnavailable) as error:
        read(data)
    assert error.value.code == "service_answer_invalid"


def test_the_others():
    page = views.page({"data": [JOB], "next_cursor": "c"})
    assert (page.jobs[0].id, page.next_cursor) == ("job-1", "c")
    quote = views.quote({"credits": 30, "balance": 10, "affordable": False, "plan": {"model": "t"}})
    assert (quote.credits, quote.affordable, quote.plan["model"]) == (30, False, "t")
    assert views.upload({"id": "u", "media_type": "image/png", "bytes": 3}).id == "u"
    event = views.event({"seq": 4, "kind": "failed", "job_id": "j"})
    assert (event.seq, event.is_last, dict(event.data)) == (4, True, {})
