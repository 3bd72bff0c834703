"""OpenAI-style bodies as requests of ours."""

from typing import Any

import pytest

from ltxserve.api.openai import bodies
from ltxserve.errors import RequestRefused


def test_a_create_is_translated():
    made = bodies.read_create(
        {"prompt": "x", "model": "tiny", "seconds": "5.04", "size": "256x128", "seed": "3"}
    )
    assert made.request == {
        "prompt": "x",
        "model": "tiny",
        "seconds": 5.04,
        "size": "256x128",
        "seed": "3",
    }
    assert made.reference is None


def test_defaults_stay_open():
    assert bodies.read_create(
        {"prompt": "x", "model": "", "seconds": "", "size": "auto"}
    ).request == {"prompt": "x"}


@pytest.mark.parametrize("seconds", ["abc", "1e9", "-4", True, [], {}, "4s", "NaN"])
def test_seconds_are_decimal(seconds: Any):
    with pytest.raises(RequestRefused) as refused:
        bodies.read_create({"prompt": "x", "seconds": seconds})
    assert refused.value.problems[0].field == "seconds"


@pytest.mark.parametrize(
    ("given", "source"),
    [
        ("https://x/a.png", "https://x/a.png"),
        ({"image_url": "https://x/a.png"}, "https://x/a.png"),
        ({"image_url": {"url": "https://x/a.png"}}, "https://x/a.png"),
        ({"file_id": "u1"}, "u1"),
        ({"id": "v1"}, "v1"),
        (None, None),
        ("", None),
    ],
)
def test_references(given: Any, source: str | None):
    assert bodies.read_reference(given, "input_reference") == source


@pytest.mark.parametrize(
    "given", [5, ["x"], {"image_url": "a", "file_id": "b"}, {"x": 1}, {"image_url": {"u": 1}}]
)
def test_references_that_name_no_file_are_refused(given: Any):
    with pytest.raises(RequestRefused):
        bodies.read_reference(given, "input_reference")


@pytest.mark.parametrize("prompt", [None, "", "  ", 5])
def test_a_prompt_is_required(prompt: Any):
    with pytest.raises(RequestRefused) as refused:
        bodies.required_prompt({"prompt": prompt})
    assert refused.value.codes == ("prompt_empty",)
    assert bodies.required_prompt({"prompt": "x"}) == "x"
