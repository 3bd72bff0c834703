"""What a row cannot do yet is refused by field, all at once; what asks for nothing passes."""

import dataclasses

from ltxserve.catalog import load_catalog
from ltxserve.engine.findings import Findings
from ltxserve.engine.plan.unbuilt import check_unbuilt
from ltxserve.types import GenerationRequest

SPEC = dataclasses.replace(
    load_catalog().model("tiny"), unbuilt=("loras", "upscale", "camera_motion")
)


def fields(**asked: object) -> list[str | None]:
    findings = Findings()
    request = GenerationRequest.model_validate({"prompt": "x", **asked})
    check_unbuilt(request, SPEC, findings)
    return [problem.field for problem in findings.problems]


def test_each_field_is_named():
    asked = {
        "loras": [{"name_or_path": "x"}],
        "upscale": {"temporal": True},
        "camera_motion": "dolly_in",
    }
    assert fields(**asked) == ["loras", "upscale", "camera_motion"]


def test_what_asks_for_nothing_passes():
    assert fields(loras=[], upscale={"spatial": False}, camera_motion=None) == []
    assert fields() == []
