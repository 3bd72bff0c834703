"""Presets fill what the caller leaves open, and hold what they lock."""

from typing import Any

import pytest

from ltxserve.catalog import load_catalog
from ltxserve.engine.findings import Findings
from ltxserve.engine.plan import Guidance, Plan, plan
from ltxserve.engine.plan.presets import apply_preset
from ltxserve.errors import RequestRefused
from ltxserve.types import GenerationRequest, Shape

CATALOG = load_catalog()


def apply(**fields: Any) -> tuple[GenerationRequest, list[str]]:
    findings = Findings()
    made = apply_preset(GenerationRequest(prompt="x", **fields), CATALOG, findings)
    return made, [p.code for p in findings.problems]


@pytest.mark.parametrize(
    ("preset", "expected"),
    [
        (
            "editor",
            {
                "model": "ltxv-2b-0.9.5",
                "width": 704,
                "height": 480,
                "num_frames": 121,
                "fps": 25.0,
                "num_inference_steps": 40,
                "guidance_scale": 3.0,
                "stg_scale": 1.0,
                "guidance_rescale": 0.7,
                "stg_blocks": (19,),
                "negative_prompt": "worst quality, inconsistent motion, blurry, jittery, distorted",
            },
        ),
        (
            "runpod-ltx2",
            {
                "model": "ltx-2-19b-dev",
                "width": 512,
                "height": 512,
                "num_frames": 49,
                "num_inference_steps": 30,
                "guidance_scale": 7.0,
                "fps": 24.0,
            },
        ),
        (
            "runpod-ltxv",
            {
                "model": "ltxv-2b-0.9.8-distilled-fp8",
                "width": 1216,
                "height": 704,
                "num_frames": 121,
            },
        ),
        ("fast", {"model": "ltx-2-19b-distilled-fp8", "num_inference_steps": 8}),
        ("pro", {"model": "ltx-2-19b-dev-fp8", "camera_motion": "static"}),
        ("draft", {"model": "tiny"}),
    ],
)
def test_presets_hold_what_was_specified(preset: str, expected: dict[str, Any]):
    made, codes = apply(preset=preset)
    assert {name: getattr(made, name) for name in expected} == expected
    assert not codes


def test_the_callers_values_win():
    made, _ = apply(preset="editor", fps=30.0, seconds=2.0, size="512x512")
    assert (made.fps, made.seconds, made.num_frames) == (30.0, 2.0, None)
    assert (made.size, made.width, made.height) == ("512x512", None, None)
    assert made.num_inference_steps == 40


def test_a_locked_field_refuses_the_callers_value():
    assert apply(preset="fast", negative_prompt="blur", guidance_scale=3.0)[1] == [
        "conflicting_fields",
        "conflicting_fields",
    ]
    assert apply(preset="fast", model="ltx-2-19b-dev")[1] == ["conflicting_fields"]


def test_a_stored_request_means_the_same():
    request = GenerationRequest(prompt="x", preset="editor")
    stored = GenerationRequest.model_validate_json(request.model_dump_json())
    assert apply_preset(stored, CATALOG, Findings()) == apply_preset(request, CATALOG, Findings())


def test_an_unknown_preset_is_a_problem():
    assert apply(preset="fastest")[1] == ["unknown_preset"]


def planned(preset: str, **fields: Any) -> Plan:
    return plan(GenerationRequest(prompt="x", preset=preset, **fields), CATALOG)


def test_the_editors_clip():
    made = planned("editor")
    assert made.generate == made.deliver == Shape(704, 480, 121, 25.0)
    assert made.guidance == Guidance(3.0, 1.0, (19,), 0.7, 1.0)
    assert made.num_inference_steps == 40
    row = CATALOG.model(made.model)
    assert (row.sampling.stg_mode, row.text_encoder.name) == ("attention_values", "t5-xxl")


def test_the_a100s_clip_is_made_as_lightricks_config_says():
    made = planned("runpod-ltxv")
    first, second = made.passes
    assert first.sigmas == (1.0, 0.9937, 0.9875, 0.9812, 0.975, 0.9094, 0.725)
    assert second.sigmas == (0.9094, 0.725, 0.4219)
    assert (made.guidance.guidance_scale, made.guidance.stg_scale) == (1.0, 0.0)
    assert (made.decode_timestep, made.decode_noise_scale) == (0.05, 0.025)
    assert made.deliver == Shape(1216, 704, 121, 30.0)


@pytest.mark.parametrize("seconds", [10.0, 15.0, 20.0])
@pytest.mark.parametrize("size", ["720p", "1080p"])
@pytest.mark.parametrize("preset", ["fast", "pro"])
def test_the_platforms_clips(preset: str, size: str, seconds: float):
    made = planned(preset, size=size, seconds=seconds, upscale={"spatial": True, "temporal": True})
    sides = {"720p": (1280, 720), "1080p": (1920, 1080)}[size]
    assert (made.deliver.width, made.deliver.height, made.deliver.fps) == (*sides, 24.0)
    assert made.deliver.seconds == pytest.approx(seconds, abs=0.4)
    steps = [stage.steps for stage in made.passes]
    assert steps == ([8, 3] if preset == "fast" else [30, 3])
    assert made.passes[1].sigmas == (0.909375, 0.725, 0.421875)
    assert len(made.passes[1].loras) == (preset == "pro")
    assert "static" in made.loras[0].name
    assert made.guidance.uses_negative_prompt == (preset == "pro")


def test_the_workers_defaults():
    made = planned("runpod-ltx2")
    assert made.generate == Shape(512, 512, 49, 24.0)
    assert (made.num_inference_steps, made.guidance.guidance_scale) == (30, 7.0)


def test_a_draft_is_quick():
    assert planned("draft").passes[0].steps == 4


def test_what_a_preset_sets_is_not_told_to_be_left_out_alone():
    """Another model than the preset's may not know its guidance; leaving it out changes nothing."""
    asked = {"prompt": "x", "model": "ltxv-2b-0.9.8-distilled", "preset": "editor"}
    with pytest.raises(RequestRefused) as caught:
        plan(GenerationRequest.model_validate(asked), CATALOG)
    told = {problem.field: problem.hint for problem in caught.value.problems}
    assert told["guidance_scale"].startswith("Preset editor sets guidance_scale: give a value")
    assert set(told) == {"guidance_scale", "stg_scale", "guidance_rescale", "negative_prompt"}
    off = {"guidance_scale": 1, "stg_scale": 0, "guidance_rescale": 0, "negative_prompt": ""}
    assert plan(GenerationRequest.model_validate({**asked, **off}), CATALOG).passes
