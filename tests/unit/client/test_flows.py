"""The core without a network: what is asked, how often, when it gives up, what it hands out."""

import json
from collections.abc import Iterable
from typing import Any

import pytest

from ltxserve.client import flows
from ltxserve.client.steps import Answer, Clock, Emit, Flow, Lost, Open, Read, Request, Send, Sleep
from ltxserve.errors import LtxserveError, NotFound, ServiceUnavailable
from tests.unit.client.script import event, job

STREAM = Answer(200, {"content-type": "text/event-stream"})


class Stage:
    """Carries out a flow's steps from a list of answers; time is what is slept."""

    def __init__(self, answers: Iterable[Any]) -> None:
        self.answers = list(answers)
        self.requests: list[Request] = []
        self.given: list[Any] = []
        self.now = 0.0

    def play(self, flow: Flow[Any]) -> Any:
        try:
            step = next(flow)
            while True:
                step = flow.send(self._answer(step))
        except StopIteration as end:
            return end.value

    def _answer(self, step: Any) -> Any:
        if isinstance(step, Send | Open):
            self.requests.append(step.request)
        if isinstance(step, Send | Open | Read):
            return self.answers.pop(0)
        if isinstance(step, Sleep):
            self.now += step.seconds
        if isinstance(step, Emit):
            self.given.append(step.thing)
        return self.now if isinstance(step, Clock) else None


def ok(data: Any, status: int = 200) -> Answer:
    return Answer(status, {"content-type": "application/json"}, json.dumps(data).encode())


def refused(status: int, code: str) -> Answer:
    return ok({"code": code, "detail": "No."}, status)


def test_no_answer_is_tried_again():
    stage = Stage([Lost("refused"), refused(503, "storage_unavailable"), ok(job())])
    assert stage.play(flows.get("job-1")).state == "queued"
    assert stage.now == 1.25


def test_it_gives_up_after_some_tries():
    stage = Stage([Lost("refused")] * flows.TRIES)
    with pytest.raises(ServiceUnavailable) as error:
        stage.play(flows.get("job-1"))
    assert error.value.code == "service_unreachable"
    assert len(stage.requests) == flows.TRIES


@pytest.mark.parametrize("status", [400, 401, 404, 409, 422, 429, 500])
def test_refusals_are_not_tried_again(status: int):
    stage = Stage([refused(status, "some_code")])
    with pytest.raises(LtxserveError):
        stage.play(flows.get("job-1"))
    assert len(stage.requests) == 1


def test_a_submission_counts_once_however_often_it_is_sent():
    stage = Stage([Lost("reset"), ok(job(), 202)])
    stage.play(flows.submit(flows.ROOT, {"prompt": "x"}, None))
    keys = [request.headers["Idempotency-Key"] for request in stage.requests]
    assert len(set(keys)) == 1
    stage = Stage([ok(job(), 202)])
    stage.play(flows.submit(flows.ROOT, {"prompt": "x"}, "mine"))
    assert stage.requests[0].headers["Idempotency-Key"] == "mine"


def test_deleting_is_done_where_a_try_before_was_heard():
    gone = refused(404, "job_not_found")
    assert Stage([Lost("reset"), gone]).play(flows.delete("job-1")) is None
    with pytest.raises(NotFound):
        Stage([gone]).play(flows.delete("job-1"))
    with pytest.raises(NotFound):
        Stage([Lost("reset"), gone]).play(flows.get("job-1"))


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"null"])
def test_nonsense_is_an_error(body: bytes):
    with pytest.raises(ServiceUnavailable):
        Stage([Answer(200, {}, body)]).play(flows.get("job-1"))


def test_waiting_tells_every_change_once():
    told: list[str] = []
    states = ["queued", "queued", "running", "running", "succeeded"]
    stage = Stage([ok(job(state)) for state in states])
    made = stage.play(flows.wait("job-1", None, lambda j: told.append(j.state)))
    assert (made.state, told) == ("succeeded", ["queued", "running", "succeeded"])


def test_waiting_ends_in_time():
    stage = Stage([ok(job("running"))] * 1000)
    with pytest.raises(ServiceUnavailable) as error:
        stage.play(flows.wait("job-1", 5.0))
    assert error.value.code == "wait_timed_out"
    assert stage.now == pytest.approx(5.0)
    assert len(stage.requests) < 12


def test_pages_follow_the_cursor():
    first = {"data": [job(), job()], "next_cursor": "c"}
    stage = Stage([ok(first), ok({"data": [job()], "next_cursor": None})])
    stage.play(flows.pages({"state": "running"}))
    assert len(stage.given) == 3
    assert [dict(r.params) for r in stage.requests] == [
        {"state": "running"},
        {"state": "running", "cursor": "c"},
    ]


def test_events_go_on_where_the_connection_broke():
    stage = Stage(
        [
            STREAM,
            event(1, "queued") + event(2, "running")[:9],
            Lost("reset"),
            Lost("refused"),
            STREAM,
            event(1, "queued") + event(2, "running"),  # a service that begins anew
            None,
            STREAM,
            event(3, "succeeded"),
        ]
    )
    stage.play(flows.events("job-1"))
    assert [e.seq for e in stage.given] == [1, 2, 3]
    assert [r.headers["Last-Event-ID"] for r in stage.requests] == ["0", "1", "1", "2"]


def test_events_of_a_job_that_is_over():
    stage = Stage([Answer(204, {})])
    stage.play(flows.events("job-1", after=9))
    assert stage.given == []


def test_events_that_cannot_be_had():
    with pytest.raises(ServiceUnavailable):
        Stage([Lost("refused")] * flows.TRIES).play(flows.events("job-1"))
    missing = refused(404, "job_not_found")
    stage = Stage([Answer(404, missing.headers), missing.body, None])
    with pytest.raises(NotFound):
        stage.play(flows.events("job-1"))


def test_a_service_that_restarts_is_waited_for():
    busy = refused(503, "database_unavailable")
    stage = Stage([Answer(503, busy.headers), busy.body, None, STREAM, event(1, "failed")])
    stage.play(flows.events("job-1"))
    assert [e.kind for e in stage.given] == ["failed"]


def test_the_simple_calls():
    stage = Stage([ok(job("cancelled"))])
    assert stage.play(flows.cancel("job-1")).state == "cancelled"
    stage = Stage([Answer(204, {})])
    assert stage.play(flows.delete("job-1")) is None
    stage = Stage([ok({"credits": 3})])
    assert stage.play(flows.quote({"prompt": "x"})).credits == 3
