"""A field that cannot be read hides no other problem, and invents none."""

from __future__ import annotations

from typing import Any

import pytest

from ltxserve.catalog import load_catalog
from ltxserve.engine.plan.judge import read_request
from ltxserve.errors import RequestRefused

CATALOG = load_catalog()


def fields(data: dict[str, Any]) -> set[str | None]:
    with pytest.raises(RequestRefused) as refused:
        read_request(data, CATALOG)
    return {problem.field for problem in refused.value.problems}


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"prompt": " ", "odd": 1, "seed": -1, "fps": 1000}, {"odd", "prompt", "seed", "fps"}),
        ({"odd": 1, "num_frames": 10}, {"odd", "prompt", "num_frames"}),
        # One side alone, or a length without its rate, says nothing.
        ({"prompt": "x", "width": "wide", "height": 8}, {"width"}),
        ({"prompt": "x", "fps": [], "seconds": 1e9, "seed": -1}, {"fps", "seed"}),
        # Whose limits would these be?
        ({"prompt": "x", "model": 7, "width": 4000, "seed": -1}, {"model"}),
        ({"prompt": "x", "model": "nope", "odd": 1}, {"model", "odd"}),
        ({"prompt": "x", "conditions": [{"source": "a.png", "odd": 1}], "seed": -1}, {
            "conditions.0.odd", "seed",
        }),
    ],
)  # fmt: skip
def test_all_problems_come_at_once(data: dict[str, Any], expected: set[str]):
    assert fields(data) == expected


def test_a_request_that_can_be_read_is_left_to_the_plan():
    assert read_request({"prompt": "x", "seed": -1}, CATALOG).seed == -1
