"""A pool at RunPod, beyond the contract: lost answers, restarts, retention, refusals."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from ltxserve.errors import LtxserveError
from ltxserve.pool.base import NoFreeSlot, PoolUnavailable, Work
from ltxserve.pool.runpod import MAX_BODY, RunPodPool
from ltxserve.pool.runpod_api import Endpoint
from tests.contracts.pools import BRISK, Bench, local, until
from tests.contracts.runpod import KEY, RETENTION, RunPodServer
from tests.loopback import Reply, Request


class Weather:
    """Answers in the endpoint's place while `reply` is set, for calls that begin with `path`."""

    def __init__(self) -> None:
        self.path = "run"
        self.reply: Reply | None = None

    def __call__(self, request: Request) -> Reply | None:
        return self.reply if request.path.split("/")[3] == self.path else None


@pytest.fixture
def weather() -> Weather:
    return Weather()


@pytest.fixture
def server(weather: Weather) -> Iterator[RunPodServer]:
    with RunPodServer(local(), weather) as server:
        yield server


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def pool(
    server: RunPodServer, stack: ExitStack, folder: Path | None = None, more: str = ""
) -> RunPodPool:
    made = RunPodPool(Endpoint.of(f"{server.url}&slots=2{more}"), KEY, BRISK, folder)
    stack.callback(made.close)
    return made


def test_work_and_limits_are_sent_as_documented(server: RunPodServer, stack: ExitStack):
    bench = Bench(pool(server, stack, more="&seconds=90"))
    bench.start("job", "echo", value=1)
    bench.end("job")
    (run,) = server.runs.values()
    assert run.policy == {"executionTimeout": 90_000}
    payload = {"act": "echo", "value": 1}
    assert run.input == {"work": {"job_id": "job", "attempt": 1, "payload": payload}}


def test_the_newest_update_is_seen_by_polling(server: RunPodServer, stack: ExitStack):
    bench = Bench(pool(server, stack))
    bench.start("job", "steps", count=40, pause=0.05)
    seen, after = [], 0
    while (report := bench.pool.poll("job", after)).state == "running":
        seen += [update["step"] for update in report.updates]
        after = report.next
    assert report.state == "succeeded"
    assert len(seen) > 3
    assert seen == sorted(set(seen)), "each at most once, never backwards"


def test_running_work_is_found_again_after_a_restart(
    server: RunPodServer, stack: ExitStack, tmp_path: Path
):
    first = pool(server, stack, tmp_path)
    Bench(first).start("job", "steps", count=40, pause=0.05)
    first.close()
    again = Bench(pool(server, stack, tmp_path))
    assert again.pool.poll("job").state == "running"
    again.start("job", "steps", count=1, pause=0)
    assert again.end("job").result == {"steps": 40}
    assert len(server.runs) == 1


def test_without_notes_a_restart_knows_nothing(server: RunPodServer, stack: ExitStack):
    Bench(pool(server, stack)).start("job", "echo")
    assert pool(server, stack).poll("job").state == "unknown"


@pytest.mark.parametrize("reply", [Reply(500), Reply(502), Reply(drop=True), Reply(body=b"<html>")])
def test_a_lost_answer_loses_the_attempt_and_never_runs_it_twice(
    server: RunPodServer, stack: ExitStack, weather: Weather, reply: Reply
):
    bench = Bench(pool(server, stack))
    weather.reply = reply
    bench.start("job", "echo")
    report = bench.pool.poll("job")
    assert report.state == "lost"
    assert report.error is not None
    assert report.error["code"] == "worker_lost"
    assert {slot.state for slot in bench.pool.slots()} == {"broken"}, "until it is seen to be well"
    weather.reply = None
    bench.start("job", "echo")
    assert (bench.pool.poll("job").state, len(server.runs)) == ("lost", 0)
    bench.start("job", "echo", attempt=2)
    assert bench.end("job").state == "succeeded"


def test_a_service_that_ends_while_it_sends_has_lost_the_attempt(
    server: RunPodServer, stack: ExitStack, tmp_path: Path
):
    line = {"job_id": "job", "attempt": 1, "remote": ""}
    (tmp_path / "runpod-runs.jsonl").write_text(json.dumps(line) + "\n")
    bench = Bench(pool(server, stack, tmp_path))
    assert bench.pool.poll("job").state == "lost"
    bench.start("job", "echo", attempt=2)
    assert bench.end("job").state == "succeeded"


@pytest.mark.parametrize(
    ("reply", "error"), [(Reply(401), PoolUnavailable), (Reply(429), NoFreeSlot)]
)
def test_work_that_was_not_taken_can_be_given_again(
    server: RunPodServer,
    stack: ExitStack,
    weather: Weather,
    reply: Reply,
    error: type[LtxserveError],
):
    bench = Bench(pool(server, stack))
    weather.reply = reply
    with pytest.raises(error):
        bench.pool.start(Work("job", 1, {"act": "echo"}))
    assert bench.pool.poll("job").state == "unknown"
    weather.reply = None
    bench.start("job", "echo")
    assert bench.end("job").state == "succeeded"


def test_work_that_is_refused_for_good_fails(
    server: RunPodServer, stack: ExitStack, weather: Weather
):
    bench = Bench(pool(server, stack))
    weather.reply = Reply(400)
    bench.start("job", "echo")
    assert bench.pool.poll("job").state == "failed"
    with pytest.raises(LtxserveError) as refusal:
        bench.pool.start(Work("large", 1, {"value": "x" * MAX_BODY}))
    assert refusal.value.code == "body_too_large"


def test_results_that_runpod_has_forgotten(server: RunPodServer, stack: ExitStack, tmp_path: Path):
    seen = Bench(pool(server, stack, tmp_path))
    seen.start("seen", "echo")
    seen.start("unseen", "echo")
    assert seen.end("seen").state == "succeeded"
    until(server.idle)
    server.clock.now += RETENTION + 1
    assert seen.pool.poll("seen").state == "succeeded", "an end that was seen is kept here"
    assert seen.pool.poll("unseen").state == "lost"


def test_a_cancel_in_the_queue_never_starts(server: RunPodServer, stack: ExitStack):
    bench = Bench(pool(server, stack))
    bench.start("first", "steps", count=1000, pause=0.05)
    bench.start("second", "echo")
    bench.pool.cancel("second")
    report = bench.end("second")
    assert report.error is not None
    assert (report.state, report.error["code"]) == ("failed", "cancelled")
    bench.pool.cancel("first")
    bench.end("first")


def test_a_cancel_that_did_not_arrive_is_sent_again(
    server: RunPodServer, stack: ExitStack, weather: Weather
):
    bench = Bench(pool(server, stack))
    bench.start("job", "steps", count=10_000, pause=0.02)
    weather.path, weather.reply = "cancel", Reply(500)
    with pytest.raises(PoolUnavailable):
        bench.pool.cancel("job")
    weather.reply = None
    report = bench.end("job")
    assert report.error is not None
    assert report.error["code"] == "cancelled"


def test_an_endpoint_that_does_not_answer_has_no_room(
    server: RunPodServer, stack: ExitStack, weather: Weather
):
    weather.path, weather.reply = "health", Reply(404)
    slots = pool(server, stack).slots()
    assert [slot.state for slot in slots] == ["broken", "broken"]
    assert "no endpoint" in slots[0].message
    with pytest.raises(PoolUnavailable):
        weather.path, weather.reply = "status", Reply(503)
        bench = Bench(pool(server, stack))
        bench.start("job", "echo")
        bench.pool.poll("job")
