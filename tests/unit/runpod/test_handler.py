"""The handler's conventions, without the SDK: it is driven in tests/runpod."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from ltxserve.errors import GenerationFailed, OutOfMemory, RequestRefused
from ltxserve.errors import Problem as Finding
from ltxserve.pool.base import Tell, WorkerBroken
from ltxserve.runpod.handler import EXHAUSTED, Worker, choose_send, log_update, send_update
from ltxserve.runpod.leaving import Leaving
from ltxserve.runpod.making import Order


class Panic(BaseException):
    """As pyo3's, which is no Exception either."""


class Bench:
    """A worker whose making is a function, and what it sent."""

    def __init__(self, make: Any) -> None:
        self.sent: list[dict[str, Any]] = []
        self.worker = Worker(make, self.send, Leaving(busy=lambda: False), every=0.0)

    async def send(self, job: Any, update: dict[str, Any]) -> None:
        self.sent.append(update)

    def handle(self, given: Any = None, job_id: str = "j") -> dict[str, Any]:
        job = {"id": job_id, "input": given if given is not None else {"prompt": "x"}}
        return asyncio.run(self.worker.handle(job))


def raising(error: BaseException) -> Any:
    def make(order: Order, tell: Tell) -> dict[str, Any]:
        raise error

    return make


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RequestRefused([Finding("size_invalid", "A.", "B.")]), "request_refused"),
        (OutOfMemory(), "out_of_memory"),
        (MemoryError(), "out_of_memory"),
        (KeyError("x"), "generation_failed"),
        (Panic("a library in Rust"), "generation_failed"),
        (WorkerBroken(GenerationFailed("device_broken", "A.", "B.")), "device_broken"),
        (GenerationFailed("device_broken", "A.", "B."), "device_broken"),
    ],
)
def test_whatever_breaks_is_a_coded_failure(error: BaseException, code: str):
    answer = Bench(raising(error)).handle()
    assert answer["error"].startswith(f"{code}: ")
    assert (answer["ok"], answer["error_code"]) == (False, code)


def test_the_answer_is_checked():
    bench = Bench(lambda order, tell: {"ok": True, "odd": object()})
    assert bench.handle()["error_code"] == "internal_error"


def test_only_a_lost_device_or_memory_for_good_makes_it_leave():
    for error, runs, leaves in (
        (GenerationFailed("device_broken", "A.", "B."), 1, True),
        (GenerationFailed("generation_failed", "A.", "B."), 9, False),
        (OutOfMemory(), EXHAUSTED - 1, False),
        (OutOfMemory(), EXHAUSTED, True),
    ):
        bench = Bench(raising(error))
        for number in range(runs):
            bench.handle(job_id=str(number))
        assert bench.worker.config.get("refresh_worker", False) is leaves


def test_a_success_between_them_forgives_lack_of_memory():
    errors: list[BaseException | None] = [OutOfMemory(), None] * EXHAUSTED

    def make(order: Order, tell: Tell) -> dict[str, Any]:
        error = errors.pop(0)
        if error is not None:
            raise error
        return {"ok": True}

    bench = Bench(make)
    for number in range(2 * EXHAUSTED):
        bench.handle(job_id=str(number))
    assert "refresh_worker" not in bench.worker.config


def test_the_same_job_again_gets_the_same_answer_and_another_input_its_own():
    made: list[Order] = []

    def make(order: Order, tell: Tell) -> dict[str, Any]:
        made.append(order)
        return {"ok": True, "n": len(made)}

    bench = Bench(make)
    answers = [bench.handle({"prompt": p}, j) for p, j in (("x", "a"), ("x", "a"), ("y", "a"))]
    assert [answer["n"] for answer in answers] == [1, 1, 2]


def test_cancelled_it_waits_for_its_thread_and_then_says_nothing():
    stepped, ended = threading.Event(), threading.Event()

    def make(order: Order, tell: Tell) -> dict[str, Any]:
        try:
            while True:
                tell({"stage": "denoise", "step": 1, "of": 2})
                stepped.set()
        finally:
            ended.set()

    async def story() -> None:
        task = asyncio.ensure_future(Bench(make).worker.handle({"id": "j", "input": {}}))
        await asyncio.to_thread(stepped.wait)
        task.cancel()
        await asyncio.sleep(0)
        task.cancel()  # told twice
        with pytest.raises(asyncio.CancelledError):
            await task
        assert ended.is_set()

    asyncio.run(story())


def test_a_device_that_breaks_under_a_cancelled_job_is_broken_all_the_same():
    stepped, breaks = threading.Event(), threading.Event()

    def make(order: Order, tell: Tell) -> dict[str, Any]:
        stepped.set()
        breaks.wait()
        raise GenerationFailed("device_broken", "A.", "B.")

    async def story() -> Worker:
        worker = Bench(make).worker
        task = asyncio.ensure_future(worker.handle({"id": "j", "input": {}}))
        await asyncio.to_thread(stepped.wait)
        task.cancel()
        breaks.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        return worker

    assert asyncio.run(story()).config["refresh_worker"] is True


def test_given_up_the_job_is_sent_back():
    stepped = threading.Event()

    def make(order: Order, tell: Tell) -> dict[str, Any]:
        while True:
            tell({"stage": "denoise"})
            stepped.set()

    async def story() -> dict[str, Any]:
        worker = Bench(make).worker
        task = asyncio.ensure_future(worker.handle({"id": "j", "input": {}}))
        await asyncio.to_thread(stepped.wait)
        worker.leaving.began = True
        worker.give_up()
        return await task

    answer = asyncio.run(story())
    assert (answer["error_code"], answer["retryable"]) == ("worker_lost", True)


def test_updates_go_where_there_is_a_platform(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("RUNPOD_WEBHOOK_POST_OUTPUT", raising=False)
    assert choose_send() is log_update
    monkeypatch.setenv("RUNPOD_WEBHOOK_POST_OUTPUT", "https://x.example")
    assert choose_send() is send_update


def test_a_local_run_shows_its_progress(caplog: pytest.LogCaptureFixture):
    caplog.set_level("INFO")
    asyncio.run(log_update({"id": "j"}, {"step": 1, "preview": "long"}))
    assert caplog.messages == ['j {"step": 1}']


def test_an_input_that_cannot_be_compared_is_a_job_like_others():
    deep: list[Any] = []
    for _ in range(20_000):
        deep = [deep]
    bench = Bench(lambda order, tell: {"ok": True})
    assert bench.handle({"prompt": deep}) == {"ok": True}
    assert bench.handle({5: 1, "a": float("nan")}) == {"ok": True}


def test_a_clip_in_the_answer_is_not_made_twice_either():
    made: list[str] = []

    def make(order: Order, tell: Tell) -> dict[str, Any]:
        made.append(order.job_id)
        return {"ok": True, "video": {"base64": "A" * 3_000_000}}

    bench = Bench(make)
    assert bench.handle(job_id="one") == bench.handle(job_id="one")
    for number in range(4):
        bench.handle(job_id=f"later-{number}")
    assert len(made) == 5
    bench.handle(job_id="one")
    assert made[-1] == "one"
