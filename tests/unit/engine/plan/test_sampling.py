"""Steps, sigmas, guidance and seed: the model's own, the caller's, or a refusal."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ltxserve.catalog import load_catalog
from ltxserve.engine.findings import Findings
from ltxserve.engine.plan.nouns import Guidance
from ltxserve.engine.plan.sampling import (
    check_seed,
    plan_guidance,
    plan_negative_prompt,
    plan_steps,
    resample,
)
from ltxserve.types import GenerationRequest

CATALOG = load_catalog()
CURVE = CATALOG.model("tiny").sampling.sigmas


def steps(
    model: str = "tiny", **fields: Any
) -> tuple[tuple[int, tuple[float, ...] | None], list[str]]:
    findings = Findings()
    made = plan_steps(GenerationRequest(prompt="x", **fields), CATALOG.model(model), findings)
    return made, [p.code for p in findings.problems]


def guide(model: str = "tiny", **fields: Any) -> tuple[Guidance, Guidance, list[str]]:
    findings = Findings()
    request = GenerationRequest(prompt="x", **fields)
    video, audio = plan_guidance(request, CATALOG.model(model), findings)
    return video, audio, [p.code for p in findings.problems]


def test_a_distilled_model_has_its_own_curve():
    assert steps() == ((8, CURVE), [])


def test_a_dev_model_leaves_the_curve_to_its_scheduler():
    assert steps("ltx-2-19b-dev") == ((40, None), [])
    assert steps("ltx-2-19b-dev", num_inference_steps=20) == ((20, None), [])


def test_half_the_steps_take_every_second_sigma():
    assert resample(CURVE, 4) == CURVE[::2]
    assert resample(CURVE, 8) == CURVE


@given(st.integers(1, 100))
def test_a_resampled_curve_falls_from_one(count: int):
    curve = resample(CURVE, count)
    assert len(curve) == count
    assert curve[0] == 1.0
    assert curve[-1] > 0
    assert all(a > b for a, b in itertools.pairwise(curve))


def test_own_sigmas_may_end_with_zero():
    assert steps(sigmas=(1.0, 0.5, 0.0)) == ((2, (1.0, 0.5)), [])


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"num_inference_steps": 0}, "steps_out_of_range"),
        ({"num_inference_steps": 51}, "steps_out_of_range"),
        ({"sigmas": ()}, "sigmas_invalid"),
        ({"sigmas": (0.0,)}, "sigmas_invalid"),
        ({"sigmas": (0.5, 0.7)}, "sigmas_invalid"),
        ({"sigmas": (1.2, 0.5)}, "sigmas_invalid"),
        ({"sigmas": (1.0, 0.5, -0.1)}, "sigmas_invalid"),
        ({"sigmas": tuple(1 - i / 100 for i in range(60))}, "steps_out_of_range"),
        ({"sigmas": (1.0, 0.5), "num_inference_steps": 3}, "conflicting_fields"),
    ],
)
def test_bad_steps(fields: dict[str, Any], code: str):
    assert steps(**fields)[1] == [code]


def test_tiny_is_guided_by_words_alone_by_default():
    video, audio, codes = guide()
    assert video == audio == Guidance(1.5, 0.0, (), 0.0, 1.0)
    assert not codes


def test_sound_follows_the_picture_where_the_model_treats_them_alike():
    video, audio, _ = guide(guidance_scale=4.0)
    assert (video.guidance_scale, audio.guidance_scale) == (4.0, 4.0)
    video, audio, _ = guide(guidance_scale=4.0, audio_guidance_scale=2.0)
    assert (video.guidance_scale, audio.guidance_scale) == (4.0, 2.0)


def test_sound_keeps_its_own_guidance_where_the_model_has_one():
    video, audio, _ = guide("ltx-2-19b-dev", guidance_scale=4.0, stg_scale=0.5)
    assert (video.guidance_scale, audio.guidance_scale) == (4.0, 7.0)
    assert (video.stg_blocks, video.modality_scale) == ((29,), 3.0)


def test_stg_uses_the_models_blocks_or_the_callers():
    assert guide(stg_scale=1.0)[0].stg_blocks == CATALOG.model("tiny").sampling.stg_blocks
    assert guide(stg_scale=1.0, stg_blocks=(0, 1))[0].stg_blocks == (0, 1)


@pytest.mark.parametrize(
    ("model", "fields", "code"),
    [
        ("tiny", {"guidance_scale": 0.5}, "guidance_out_of_range"),
        ("tiny", {"guidance_rescale": 1.5}, "guidance_out_of_range"),
        ("tiny", {"audio_stg_scale": -1.0}, "guidance_out_of_range"),
        ("tiny", {"stg_blocks": (9999,)}, "stg_blocks_invalid"),
        ("tiny", {"stg_blocks": (1, 1)}, "stg_blocks_invalid"),
        ("tiny", {"stg_blocks": (), "stg_scale": 1.0}, "stg_blocks_invalid"),
        ("ltx-2-fast", {"guidance_scale": 3.0}, "guidance_unsupported"),
        ("ltxv-2b-0.9.5", {"audio_guidance_scale": 3.0}, "guidance_unsupported"),
        ("ltxv-2b-0.9.5", {"modality_scale": 3.0}, "guidance_unsupported"),
    ],
)
def test_bad_guidance(model: str, fields: dict[str, Any], code: str):
    assert guide(model, **fields)[2] == [code]


def test_saying_that_guidance_is_off_is_fine_everywhere():
    assert guide("ltx-2-fast", guidance_scale=1.0, stg_scale=0.0, modality_scale=1.0)[2] == []


@pytest.mark.parametrize(
    ("text", "guided", "model", "acts", "code", "warned"),
    [
        (None, False, "tiny", "", None, False),
        (" blur ", True, "tiny", "blur", None, False),
        ("blur", False, "tiny", "", None, True),
        ("", False, "ltx-2-fast", "", None, False),
        ("blur", False, "ltx-2-fast", "", "negative_prompt_unsupported", False),
        ("", True, "ltxv-2b-0.9.5", "", None, False),
    ],
)
def test_negative_prompts(
    text: str | None, guided: bool, model: str, acts: str, code: str | None, warned: bool
):
    findings = Findings()
    assert plan_negative_prompt(text, guided, CATALOG.model(model), findings) == acts
    assert [p.code for p in findings.problems] == ([code] if code else [])
    assert bool(findings.warnings) == warned


def test_a_guided_model_has_a_negative_prompt_of_its_own():
    spec = CATALOG.model("ltxv-2b-0.9.5")
    assert plan_negative_prompt(None, True, spec, Findings()).startswith("worst quality")


@pytest.mark.parametrize(
    ("seed", "good"), [(None, True), (0, True), (2**63 - 1, True), (-1, False)]
)
def test_seeds(seed: int | None, good: bool):
    findings = Findings()
    check_seed(seed, findings)
    assert (not findings.problems) == good
