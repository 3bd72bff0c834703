"""Prompts as text: there, and not too long."""

import pytest

from ltxserve.catalog import load_catalog
from ltxserve.engine.findings import Findings
from ltxserve.engine.plan.prompt import check_text, warn_of_length


@pytest.mark.parametrize(
    ("prompt", "negative", "codes"),
    [
        ("a ball", None, []),
        (" \n", None, ["prompt_empty"]),
        ("x" * 5000, "y" * 5000, []),
        ("x" * 5001, "y" * 5001, ["prompt_too_long", "prompt_too_long"]),
    ],
)
def test_text(prompt: str, negative: str | None, codes: list[str]):
    findings = Findings()
    check_text(prompt, negative, findings)
    assert [p.code for p in findings.problems] == codes


@pytest.mark.parametrize(("words", "warned"), [(64, False), (65, True)])
def test_more_words_than_the_encoder_reads(words: int, warned: bool):
    findings = Findings()
    warn_of_length("ball " * words, load_catalog().model("tiny"), findings)
    assert bool(findings.warnings) == warned
