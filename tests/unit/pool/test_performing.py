"""One piece of work in this process: every way it can end, and no exception gets out."""

import pytest

from ltxserve.errors import Cancelled, ConfigurationError, LtxserveError, MediaError
from ltxserve.pool.base import Body, Json, Tell, WorkerBroken
from ltxserve.pool.performing import Outcome, Telling, coded, load_entry, perform


def run(body: Body, payload: dict | None = None) -> tuple[Outcome, list[Json], Telling]:
    told: list[Json] = []
    telling = Telling(told.append)
    return perform(body, payload or {}, telling), told, telling


def test_a_result_and_updates_come_through():
    def body(payload: dict, tell: Tell) -> dict:
        tell({"step": 1})
        return {"twice": 2 * payload["number"]}

    outcome, told, _ = run(body, {"number": 21})
    assert outcome == Outcome("succeeded", {"twice": 42})
    assert told == [{"step": 1}]


def test_a_cancel_is_raised_by_the_next_update_and_by_all_after_it():
    stubborn = []

    def body(payload: dict, tell: Tell) -> dict:
        tell({"step": 1})
        assert isinstance(tell, Telling)
        tell.cancel()
        for _ in range(2):
            try:
                tell({"step": 2})
            except Cancelled:
                stubborn.append("held on")
        tell({"step": 3})
        return {}

    outcome, told, _ = run(body)
    assert outcome.state == "failed"
    assert (outcome.error or {})["code"] == "cancelled"
    assert told == [{"step": 1}]
    assert len(stubborn) == 2


@pytest.mark.parametrize(
    ("error", "state", "code"),
    [
        (MediaError("media_unreadable", "Damaged."), "failed", "media_unreadable"),
        (MemoryError(), "failed", "out_of_memory"),
        (KeyError("x"), "failed", "generation_failed"),
        (WorkerBroken(LtxserveError("device_broken", "Gone.")), "broken", "device_broken"),
    ],
)
def test_errors_end_the_work_with_their_code(error: Exception, state: str, code: str):
    def body(payload: dict, tell: Tell) -> dict:
        raise error

    outcome, _, _ = run(body)
    assert (outcome.state, (outcome.error or {})["code"]) == (state, code)


class Panic(BaseException):
    """As pyo3's, which is no Exception either."""


def test_a_library_that_panics_ends_the_work_and_not_the_worker():
    def body(payload: dict, tell: Tell) -> dict:
        raise Panic("called unwrap on a None value")

    outcome, _, _ = run(body)
    assert outcome.state == "failed"
    assert outcome.error is not None
    assert outcome.error["code"] == "generation_failed"
    assert "called unwrap" in outcome.error["message"]


@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit])
def test_what_ends_the_process_goes_through(end: type[BaseException]):
    def body(payload: dict, tell: Tell) -> dict:
        raise end

    with pytest.raises(end):
        run(body)


def test_a_foreign_error_is_told_in_one_short_line():
    message = coded(ValueError("first " + "x" * 5000 + "\nsecond")).message
    assert "ValueError: first" in message
    assert "second" not in message
    assert len(message) < 400


@pytest.mark.parametrize("name", ["", "no_such_module:x", "json:no_such_function", "json", ":x"])
def test_an_entry_that_is_not_there_is_a_setting_gone_wrong(name: str):
    with pytest.raises(ConfigurationError) as refusal:
        load_entry(name)
    assert refusal.value.code == "settings_invalid"


def test_an_entry_is_found_by_its_name():
    assert load_entry("json:loads")("[1]") == [1]
