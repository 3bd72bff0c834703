"""What a job gets that does not say, by model."""

from __future__ import annotations

from typing import Any

import pytest

from ltxserve.catalog import load_catalog
from ltxserve.runpod.defaults import filled

CATALOG = load_catalog()
NAMES = ("width", "height", "num_frames", "fps", "num_inference_steps", "guidance_scale")


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("ltx-2-19b-dev", (512, 512, 49, 24.0, 30, 7.0)),
        ("ltx-2-19b-dev-fp8", (512, 512, 49, 24.0, 30, 7.0)),
        ("ltx-2-19b-distilled", (512, 512, 49, 24.0, None, None)),
        ("tiny", (512, 512, 49, 24.0, None, None)),
        ("ltxv-2b-0.9.8-distilled-fp8", (1216, 704, 121, 30.0, None, None)),
    ],
)
def test_the_two_workers_defaults(model: str, expected: tuple[Any, ...]):
    made = filled({"prompt": "x"}, CATALOG, model)
    assert made["model"] == model
    assert tuple(made.get(name) for name in NAMES) == expected


@pytest.mark.parametrize(
    ("said", "absent"),
    [
        ({"size": "720p"}, {"width", "height"}),
        ({"seconds": 2.0}, {"num_frames"}),
        ({"sigmas": (1.0, 0.5)}, {"num_inference_steps"}),
        ({"width": 768}, set[str]()),
        ({"extend": {"source": "x"}}, {"width", "height", "fps", "num_frames"}),
        ({"sound": {"source": "x"}}, {"num_frames"}),
    ],
)
def test_what_is_said_another_way_is_left_open(said: dict[str, Any], absent: set[str]):
    made = filled({"prompt": "x", **said}, CATALOG, "ltx-2-19b-dev")
    assert not absent & set(made)
    assert said.items() <= made.items()


def test_a_preset_decides_alone():
    assert filled({"prompt": "x", "preset": "fast"}, CATALOG, "tiny") == {
        "prompt": "x",
        "preset": "fast",
    }


def test_an_unknown_model_is_left_to_the_plan():
    assert filled({"prompt": "x", "model": "nope"}, CATALOG, "tiny")["model"] == "nope"
