"""Answers that RunPod can carry, and failures in its form."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ltxserve.errors import (
    CODES,
    GenerationFailed,
    InsufficientCredits,
    OutOfMemory,
    Problem,
    RequestRefused,
)
from ltxserve.pool.runpod_states import ending_of
from ltxserve.runpod.results import MAX_BODY, MAX_INLINE, RETRYABLE, checked, failure


def test_a_failure_is_a_string_with_its_structure_beside_it():
    answer = failure(OutOfMemory())
    assert answer["error"] == (
        "out_of_memory: The device ran out of memory. "
        "Use a smaller size, fewer frames, or low_vram."
    )
    assert (answer["ok"], answer["error_code"], answer["retryable"]) == (
        False,
        "out_of_memory",
        False,
    )


def test_all_problems_are_listed():
    refused = RequestRefused([Problem("size_invalid", "A.", "B.", "size"), Problem("x", "C.", "")])
    assert [p["field"] for p in failure(refused)["problems"]] == ["size", None]
    assert failure(InsufficientCredits(3, 1))["details"] == {"price": 3, "balance": 1}


def test_codes_of_retryable_failures_exist():
    assert set(CODES) >= RETRYABLE


@pytest.mark.parametrize(
    ("code", "state"), [("out_of_memory", "failed"), ("device_broken", "lost")]
)
def test_a_pool_of_ours_reads_it(code: str, state: str):
    answer = failure(GenerationFailed(code, "It broke.", "Do this."), for_pool=True)
    told = {"status": "FAILED", "error": answer.pop("error"), "output": answer}
    ending = ending_of(told, cancelled=False)
    assert ending is not None
    assert ending.state == state
    assert ending.error is not None
    assert (ending.error["code"], ending.error["message"], ending.error["hint"]) == (
        code,
        "It broke.",
        "Do this.",
    )


@pytest.mark.parametrize("value", [object(), float("nan"), {1, 2}])
def test_what_is_not_json_is_a_failure(value: Any):
    assert checked({"ok": True, "x": value})["error_code"] == "internal_error"


def test_what_is_too_large_is_a_failure():
    assert checked({"x": "a" * 100})["x"]
    answer = checked({"x": "a" * MAX_BODY})
    assert answer["error_code"] == "result_too_large"
    assert "SUPABASE_BUCKET" in answer["hint"]


def test_inline_files_fit():
    assert MAX_INLINE * 4 / 3 + 100_000 < MAX_BODY


def test_text_that_cannot_be_sent_is_made_sendable():
    answer = checked({"a\ud800": ["\udfff", ("x",)]})
    assert json.dumps(answer, ensure_ascii=False).encode()
    assert answer == {"a?": ["?", ["x"]]}
