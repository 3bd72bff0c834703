"""Sizes: what is asked for, what is generated, how it is fitted."""

from typing import Any

import pytest

from ltxserve.catalog import load_catalog
from ltxserve.engine.findings import Findings
from ltxserve.engine.plan.picture import Picture, plan_picture
from ltxserve.types import GenerationRequest

CATALOG = load_catalog()


def picture(model: str = "tiny", two_stage: bool = False, **fields: Any) -> Picture:
    findings = Findings()
    request = GenerationRequest(prompt="x", **fields)
    made = plan_picture(request, CATALOG.model(model), two_stage, findings)
    assert made is not None, findings.problems
    assert not findings.problems
    return made


def problems(model: str = "tiny", **fields: Any) -> list[tuple[str, str | None, str]]:
    findings = Findings()
    request = GenerationRequest(prompt="x", **fields)
    assert plan_picture(request, CATALOG.model(model), False, findings) is None or findings.problems
    return [(p.code, p.field, p.hint) for p in findings.problems]


@pytest.mark.parametrize(
    ("fields", "deliver", "generate"),
    [
        ({}, (256, 256), (256, 256)),
        ({"width": 384, "height": 256}, (384, 256), (384, 256)),
        ({"width": 300, "height": 200}, (300, 200), (320, 224)),
        ({"width": 384}, (384, 384), (384, 384)),
        ({"width": 384, "aspect_ratio": "16:9"}, (384, 224), (384, 224)),
        ({"height": 224, "aspect_ratio": "16:9"}, (384, 224), (384, 224)),
        ({"aspect_ratio": "16:9"}, (352, 192), (352, 192)),
        ({"size": "320x180"}, (320, 180), (320, 192)),
        ({"size": "480p", "aspect_ratio": "1:1"}, (480, 480), (480, 480)),
        ({"size": "256x256", "width": 256}, (256, 256), (256, 256)),
        ({"width": 301, "height": 201, "output": {"format": "gif"}}, (301, 201), (320, 224)),
    ],
)
def test_tiny(fields: dict[str, Any], deliver: tuple[int, int], generate: tuple[int, int]):
    made = picture(**fields)
    assert (made.deliver, made.generate) == (deliver, generate)
    assert made.fit == ("none" if deliver == generate else "crop")


@pytest.mark.parametrize(
    ("size", "two_stage", "generate", "first"),
    [
        ("720p", False, (1280, 736), (1280, 736)),
        ("720p", True, (1280, 768), (640, 384)),
        ("1080p", False, (1920, 1088), (1920, 1088)),
        ("1080p", True, (1920, 1088), (960, 544)),
    ],
)
def test_named_sizes_are_generated_and_cropped(
    size: str, two_stage: bool, generate: tuple[int, int], first: tuple[int, int]
):
    made = picture("ltx-2-19b-dev", two_stage, size=size)
    assert (made.generate, made.first, made.fit) == (generate, first, "crop")


DELIVERED = [(1280, 720), (1920, 1080), (720, 1280), (1080, 1920), (720, 720), (1080, 1080)]
LARGE = [row.name for row in CATALOG.models.values() if row.runs and row.limits.max_side >= 1920]


@pytest.mark.parametrize("two_stage", [False, True])
@pytest.mark.parametrize("name", LARGE)
def test_every_model_delivers_the_sizes_people_ask_for(name: str, two_stage: bool):
    row = CATALOG.model(name)
    scaled = row.sampling.first_pass_scale < 1
    for width, height in DELIVERED:
        made = picture(name, two_stage and not scaled, width=width, height=height)
        assert made.deliver == (width, height)
        twice = scaled or two_stage
        assert made.generate == tuple(side * (2 if twice else 1) for side in made.first)
        assert not any(side % row.limits.multiple for side in made.first)
        if not scaled:  # nothing is stretched, and little is cut off
            assert made.fit == "crop"
            multiple = row.limits.two_stage_multiple if two_stage else row.limits.multiple
            for have, want in zip(made.generate, made.deliver, strict=True):
                assert 0 <= have - want < multiple


def test_a_first_pass_is_of_the_padded_size():
    made = picture("ltxv-2b-0.9.8-distilled", width=1280, height=720)
    assert (made.first, made.generate, made.fit) == ((832, 480), (1664, 960), "scale")


@pytest.mark.parametrize(
    ("fields", "code", "field", "hint"),
    [
        ({"size": "720p"}, "size_out_of_range", "size", "512x288"),
        ({"width": 64, "height": 64}, "size_out_of_range", "width", "128x128"),
        ({"height": 4096}, "size_out_of_range", "height", "512x512"),
        ({"width": 160, "aspect_ratio": "4:1"}, "size_out_of_range", "width", "512x128"),
        ({"width": 0, "height": -5}, "size_out_of_range", "width", "128x128"),
        ({"width": 255, "height": 256}, "size_not_divisible", "width", "256x256"),
        ({"size": "huge"}, "size_invalid", "size", "720p"),
        ({"aspect_ratio": "wide"}, "size_invalid", "aspect_ratio", "16:9"),
        ({"size": "256x256", "width": 384}, "conflicting_fields", "width", "leave one out"),
        (
            {"width": 256, "height": 256, "aspect_ratio": "16:9"},
            "conflicting_fields",
            "aspect_ratio",
            "Leave aspect_ratio out",
        ),
    ],
)
def test_refusals(fields: dict[str, Any], code: str, field: str, hint: str):
    found = problems(**fields)
    assert [(c, f) for c, f, _ in found] == [(code, field)]
    assert hint in found[0][2]
