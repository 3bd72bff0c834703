"""RunPod's answers as endings: states, and every form that an error comes in."""

import json
from typing import Any

import pytest

from ltxserve.errors import CODES
from ltxserve.pool.runpod_states import ending_of


@pytest.mark.parametrize("status", ["IN_QUEUE", "IN_PROGRESS", "RUNNING"])
def test_what_goes_on_has_no_ending(status: str):
    assert ending_of({"status": status, "output": {"step": 1}}, False) is None


@pytest.mark.parametrize("output", [{"a": 1}, [{"step": 1}, {"a": 1}]])
def test_a_result_is_a_dictionary_or_the_last_one_yielded(output: Any):
    ending = ending_of({"status": "COMPLETED", "output": output}, False)
    assert ending is not None
    assert (ending.state, ending.result) == ("succeeded", {"a": 1})


SDK = json.dumps(
    {
        "error_type": "<class 'ValueError'>",
        "error_message": "no such thing",
        "error_traceback": "Traceback (most recent call last): ...",
        "hostname": "pod-1",
    }
)


@pytest.mark.parametrize(
    ("told", "state", "code", "said"),
    [
        ({"status": "COMPLETED"}, "failed", "generation_failed", "no result"),
        ({"status": "COMPLETED", "output": []}, "failed", "generation_failed", "no result"),
        (
            {"status": "COMPLETED", "output": {"error": "OUT_OF_MEMORY: too big"}},
            "failed",
            "out_of_memory",
            "too big",
        ),
        (
            {"status": "FAILED", "error": "bad", "output": {"error_code": "MEDIA_CORRUPT"}},
            "failed",
            "media_corrupt",
            "bad",
        ),
        ({"status": "FAILED", "error": "Note: odd"}, "failed", "generation_failed", "Note: odd"),
        ({"status": "FAILED", "error": SDK}, "failed", "generation_failed", "no such thing"),
        ({"status": "FAILED", "error": {"code": 7}}, "failed", "generation_failed", "7"),
        ({"status": "FAILED"}, "failed", "generation_failed", "without a reason"),
        (
            {"status": "FAILED", "error": "job timed out after 1 retries"},
            "lost",
            "worker_lost",
            "retries",
        ),
        (
            {"status": "FAILED", "error": "DEVICE_BROKEN: CUDA error"},
            "lost",
            "device_broken",
            "CUDA",
        ),
        ({"status": "TIMED_OUT"}, "failed", "job_timed_out", "longer"),
        ({"status": "CANCELLED"}, "lost", "worker_lost", "CANCELLED"),
        ({"status": "A_NEW_STATE"}, "lost", "worker_lost", "A_NEW_STATE"),
        ({}, "lost", "worker_lost", "None"),
    ],
)
def test_every_other_ending_has_a_code(told: dict[str, Any], state: str, code: str, said: str):
    ending = ending_of(told, cancelled=False)
    assert ending is not None
    assert ending.error is not None
    assert (ending.state, ending.error["code"]) == (state, code)
    assert said in str(ending.error["message"])
    assert code in CODES
    assert "hostname" not in str(ending.error)


def test_a_cancel_of_ours_is_told_from_somebody_elses():
    ending = ending_of({"status": "CANCELLED"}, cancelled=True)
    assert ending is not None
    assert ending.state == "failed"
    assert (ending.error or {})["code"] == "cancelled"


def test_a_result_that_came_before_the_cancel_counts():
    ending = ending_of({"status": "COMPLETED", "output": {"a": 1}}, cancelled=True)
    assert ending is not None
    assert ending.state == "succeeded"
