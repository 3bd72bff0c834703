"""Findings collect; showing a value never fails and never floods."""

import pytest

from ltxserve.engine.findings import Findings, at_most, show
from ltxserve.errors import RequestRefused


def test_no_problem_no_refusal():
    findings = Findings()
    findings.warn("mind")
    findings.warn("mind")
    findings.check()
    assert findings.warnings == ["mind"]


def test_problems_are_kept_once_and_in_order():
    findings = Findings()
    for code in ("size_invalid", "size_invalid", "prompt_empty"):
        findings.problem(code, "Bad.", "Better.", "x")
    with pytest.raises(RequestRefused) as refused:
        findings.check()
    assert refused.value.codes == ("size_invalid", "prompt_empty")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (12, "12"),
        (10**400, "a number beyond 10^18"),
        (-(10**400), "a number below -10^18"),
        (0.25, "0.25"),
        (float("inf"), "inf"),
        ("abc", "'abc'"),
        (None, "None"),
    ],
)
def test_showing_values(value: object, text: str):
    assert show(value) == text


def test_long_text_is_cut():
    assert len(show("x" * 10_000)) < 50


def test_a_longest_time_is_never_rounded_up():
    assert at_most(489 / 25) == "19.56 seconds"
    assert at_most(473 / 24) == "19.70 seconds"
