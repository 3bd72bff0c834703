"""Output: quality, names, and what a format cannot carry."""

from typing import Any

import pytest

from ltxserve.engine.findings import Findings
from ltxserve.engine.plan.output import check_output
from ltxserve.types import Output


def judge(fps: float = 24.0, **fields: Any) -> Findings:
    findings = Findings()
    check_output(Output(**fields), fps, findings)
    return findings


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"crf": 0},
        {"format": "webm", "crf": 63},
        {"file_name": "clip.mp4"},
        {"file_name": "my clip v1.2"},
        {"format": "png", "file_name": "frames"},
    ],
)
def test_good(fields: dict[str, Any]):
    findings = judge(**fields)
    assert not findings.problems
    assert not findings.warnings


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"crf": 52}, "output_invalid"),
        ({"crf": -1}, "output_invalid"),
        ({"file_name": "../x.mp4"}, "output_invalid"),
        ({"file_name": "a\\b.mp4"}, "output_invalid"),
        ({"file_name": ".."}, "output_invalid"),
        ({"file_name": ""}, "output_invalid"),
        ({"file_name": "a\nb.mp4"}, "output_invalid"),
        ({"file_name": "é" * 150}, "output_invalid"),
        ({"file_name": "clip.gif"}, "conflicting_fields"),
    ],
)
def test_refusals(fields: dict[str, Any], code: str):
    assert [p.code for p in judge(**fields).problems] == [code]


def test_warnings():
    assert "no effect" in judge(format="gif", crf=3).warnings[0]
    assert "50 frames" in judge(format="gif", fps=60.0).warnings[0]
