"""Requests are read strictly: unknown names and wrong types come back as coded problems."""

from typing import Any

import pytest

from ltxserve.engine.plan.parse import UNREAD_PROMPT, parse_request, readable
from ltxserve.errors import RequestRefused


@pytest.mark.parametrize(
    ("data", "code", "field", "hint"),
    [
        ({}, "prompt_empty", "prompt", "Say what"),
        ({"prompt": "x", "promt": "y"}, "unknown_field", "promt", "Did you mean prompt?"),
        (
            {"prompt": "x", "output": {"formt": "mp4"}},
            "unknown_field",
            "output.formt",
            "mean format?",
        ),
        (
            {"prompt": "x", "conditions": [{"source": "a", "zzz": 1}]},
            "unknown_field",
            "conditions.0.zzz",
            "source, frame",
        ),
        ({"prompt": "x", "dfr": {"round": 1}}, "unknown_field", "dfr.round", "mean rounds?"),
        (
            {"prompt": "x", "auto_length": {"seconds": 1}},
            "unknown_field",
            "auto_length.seconds",
            "mean min_seconds?",
        ),
        ({"prompt": "x", "conditions": [{}]}, "invalid_field", "conditions.0.source", "Give it"),
        ({"prompt": "x", "width": "wide"}, "invalid_field", "width", "Correct"),
        ({"prompt": "x", "output": {"format": "avi"}}, "invalid_field", "output.format", "Correct"),
    ],
)
def test_bad_structure_is_a_coded_problem(data: dict[str, Any], code: str, field: str, hint: str):
    with pytest.raises(RequestRefused) as refusal:
        parse_request(data)
    problem = refusal.value.problems[0]
    assert (problem.code, problem.field) == (code, field)
    assert hint in problem.hint


def test_all_structural_problems_come_at_once():
    with pytest.raises(RequestRefused) as refusal:
        parse_request({"width": "x", "height": [], "bogus": 1})
    assert len(refusal.value.problems) == 4


def test_what_can_be_read_is_kept_without_its_broken_neighbours():
    rest, problems = readable(
        {"prompt": 7, "width": "wide", "height": 64, "seed": -1, "num_frames": 10, "odd": 1}
    )
    assert rest == {"prompt": UNREAD_PROMPT, "seed": -1, "num_frames": 10}
    assert {problem.field for problem in problems} == {"prompt", "width", "odd"}
    whole = {"prompt": "x", "seed": 3}
    assert readable(whole) == (whole, [])


def test_types_are_told_in_the_words_of_json():
    _, problems = readable({"prompt": "x", "conditions": "y", "output": 7, "loras": [1]})
    told = {problem.field: problem.message for problem in problems}
    assert told == {
        "conditions": "Input should be a list.",
        "output": "Input should be an object.",
        "loras.0": "Input should be an object.",
    }
