"""The envelope around a native request."""

from typing import Any

import pytest

from ltxserve.api.native.submissions import GenerationBody, read, split
from ltxserve.errors import RequestRefused


def test_request_and_envelope_are_told_apart():
    request, envelope = split(
        {"prompt": "x", "seed": 1, "count": 2, "metadata": {"a": "b"}, "odd": 1}
    )
    assert request == {"prompt": "x", "seed": 1, "odd": 1}
    assert (envelope.count, envelope.metadata, envelope.prompts) == (2, {"a": "b"}, ())


@pytest.mark.parametrize(
    "body",
    [
        {"count": "many"},
        {"prompts": "one"},
        {"priority": "first"},
        {"metadata": {"a": 1}},
        {"metadata": {str(n): "x" for n in range(40)}},
        {"timeout_seconds": "long"},
        {"webhook_url": 5},
    ],
)
def test_a_wrong_envelope_is_refused_by_name(body: dict[str, Any]):
    with pytest.raises(RequestRefused) as refused:
        split(body)
    assert (refused.value.problems[0].field or "").startswith(next(iter(body)))


def test_the_documented_body_has_all_fields():
    names = set(GenerationBody.model_fields)
    assert {"prompt", "seed", "conditions", "prompts", "count", "webhook_url"} <= names


def test_a_submission_has_both():
    made = read({"prompt": "x", "prompts": ["a", "b"], "priority": 5, "timeout_seconds": 60}, "key")
    assert (made.request, made.prompts, made.priority) == ({"prompt": "x"}, ("a", "b"), 5)
    assert (made.idempotency_key, made.timeout_seconds, made.dialect) == ("key", 60, "native")
