"""Absurd values become problems, and the rest of the request stays judgeable."""

import math
from typing import Any

import pytest

from ltxserve.engine.findings import Findings
from ltxserve.engine.plan.sanity import sane
from ltxserve.types import GenerationRequest


def clean(**fields: Any) -> tuple[GenerationRequest, list[tuple[str, str | None]]]:
    findings = Findings()
    request = GenerationRequest.model_validate({"prompt": "x", **fields})
    return sane(request, findings), [(p.code, p.field) for p in findings.problems]


def test_a_sane_request_is_left_alone():
    request = GenerationRequest(prompt="x", fps=24, sigmas=(1.0, 0.5))
    assert sane(request, Findings()) is request


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"fps": math.nan}, "not_a_number", "fps"),
        ({"seconds": math.inf}, "not_a_number", "seconds"),
        ({"sigmas": [1.0, math.nan]}, "not_a_number", "sigmas.1"),
        (
            {"conditions": [{"source": "a", "strength": -math.inf}]},
            "not_a_number",
            "conditions.0.strength",
        ),
        ({"seed": 2**63}, "seed_out_of_range", "seed"),
        ({"width": 10**400}, "invalid_field", "width"),
        (
            {"conditions": [{"source": "a", "frame": -(10**400)}]},
            "invalid_field",
            "conditions.0.frame",
        ),
        ({"prompt": "a\x00b"}, "invalid_field", "prompt"),
        ({"model": "\ud800"}, "invalid_field", "model"),
        ({"output": {"file_name": "\ud800"}}, "invalid_field", "output.file_name"),
        ({"extend": {"source": "a", "context": math.nan}}, "not_a_number", "extend.context"),
        ({"retake": {"source": "a", "start": math.inf, "end": 1}}, "not_a_number", "retake.start"),
        ({"extend": {"source": "a", "seconds": 1e308}}, "invalid_field", "extend.seconds"),
        ({"stg_blocks": [0] * 1000}, "invalid_field", "stg_blocks"),
    ],
)
def test_absurd_values(fields: dict[str, Any], code: str, field: str):
    request, problems = clean(**fields)
    assert problems == [(code, field)]
    assert sane(request, again := Findings()) is request, again.problems


def test_an_absurd_value_of_a_part_is_its_default_again():
    request, _ = clean(extend={"source": "a", "context": math.nan})
    assert request.extend is not None
    assert request.extend.context is None
