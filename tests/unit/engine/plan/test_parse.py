"""Requests are read strictly: unknown names and wrong types come back as coded problems."""

from typing import Any

import pytest

from ltxserve.engine.plan.parse import parse_request
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
