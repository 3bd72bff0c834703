"""The whole plan: complete for what runs, all problems at once for what does not."""

import dataclasses
import json
import pickle
from typing import Any

import pytest

from ltxserve.catalog import Catalog, load_catalog
from ltxserve.engine.plan import Plan, parse_request, plan
from ltxserve.errors import RequestRefused

CATALOG = load_catalog()


def plan_of(catalog: Catalog = CATALOG, **fields: Any) -> Plan:
    return plan(parse_request({"prompt": "a red ball rolls right on grass", **fields}), catalog)


def refusal_of(catalog: Catalog = CATALOG, **fields: Any) -> RequestRefused:
    with pytest.raises(RequestRefused) as refused:
        plan_of(catalog, **fields)
    return refused.value


def test_a_prompt_alone_is_planned_with_the_models_defaults():
    made = plan_of()
    assert (made.generate.width, made.generate.height, made.generate.num_frames) == (256, 256, 49)
    assert made.generate == made.deliver
    assert made.fit == "none"
    assert made.generate_audio
    assert made.sigmas == CATALOG.model("tiny").sampling.sigmas
    assert [stage.kind for stage in made.stages] == [
        "encode_prompt",
        "denoise",
        "decode_video",
        "decode_audio",
        "encode_file",
    ]
    assert made.warnings == ()


def test_a_plan_is_json_and_crosses_processes():
    made = plan_of(conditions=[{"source": "a.png"}], camera_motion="jib_up")
    assert json.loads(json.dumps(made.to_dict(), allow_nan=False)) == made.to_dict()
    assert pickle.loads(pickle.dumps(made)) == made


def test_planning_is_pure():
    assert plan_of(seed=3) == plan_of(seed=3)


def test_every_problem_is_listed_at_once():
    refused = refusal_of(
        prompt=" ",
        width=250_000,
        num_frames=50,
        seed=-1,
        num_inference_steps=0,
        guidance_scale=99.0,
        conditions=[{"source": "ftp://x/a.png", "frame": 900, "strength": 2.0}],
        loras=[{"name_or_path": "x.safetensors"}] * 5,
        controls=[{"kind": "canny", "source": "a.mp4"}],
        upscale={"spatial": True},
        camera_motion="barrel_roll",
        output={"crf": 99},
    )
    assert set(refused.codes) == {
        "prompt_empty",
        "size_out_of_range",
        "num_frames_invalid",
        "seed_out_of_range",
        "steps_out_of_range",
        "guidance_out_of_range",
        "source_invalid",
        "frame_out_of_range",
        "strength_out_of_range",
        "lora_unsupported",
        "controls_unsupported",
        "upscale_unsupported",
        "camera_motion_unsupported",
        "output_invalid",
    }
    assert all(problem.hint and problem.field for problem in refused.problems)


def test_models_of_later_builds_are_refused_and_hear_of_their_other_problems():
    name = "ltx-2.5-22b-distilled"
    later = dataclasses.replace(CATALOG.model(name), runs=False, reason="It is new.")
    catalog = dataclasses.replace(CATALOG, models={**CATALOG.models, name: later})
    refused = refusal_of(catalog, model=name)
    assert refused.codes == ("not_yet_in_this_build",)
    assert "It is new." in refused.problems[0].message
    assert refused.problems[0].hint.startswith("Use tiny, ")
    assert refusal_of(catalog, model=name, seconds=40, negative_prompt="blur").codes == (
        "not_yet_in_this_build",
        "duration_too_long",
        "negative_prompt_unsupported",
    )


def test_an_unknown_model_names_the_nearest():
    refused = refusal_of(model="tny", seed=-1)
    assert set(refused.codes) == {"unknown_model", "seed_out_of_range"}
    assert any("Did you mean tiny?" in problem.hint for problem in refused.problems)


@pytest.mark.parametrize("name", list(CATALOG.models))
def test_every_row_can_be_planned(name: str):
    spec = CATALOG.model(name)
    made = plan_of(model=name)
    assert made.deliver.width == spec.defaults.width
    assert made.memory.peak > 0
    assert made.generate_audio == spec.supports.audio


def test_two_stages_with_both_upscalers():
    made = plan_of(
        model="ltx-2-19b-dev",
        size="1080p",
        seconds=5,
        fps=48,
        upscale={"spatial": True, "temporal": True},
        camera_motion="dolly_in",
        conditions=[{"source": "a.png", "frame": 24}],
    )
    assert [stage.kind for stage in made.stages] == [
        "encode_prompt",
        "encode_conditions",
        "denoise",
        "upscale_spatial",
        "denoise",
        "upscale_temporal",
        "decode_video",
        "decode_audio",
        "encode_file",
    ]
    first = made.stages[2].shape
    assert (first.width, first.height, first.num_frames, first.fps) == (960, 544, 121, 24.0)
    assert (made.generate.width, made.generate.height, made.generate.num_frames) == (
        1920,
        1088,
        241,
    )
    assert (made.deliver.height, made.fit) == (1080, "crop")
    assert made.conditions[0].frame == 12  # of the first pass, which has half the frames
    assert [lora.name for lora in made.loras] == ["camera-dolly-in"]
    assert "dollies" not in made.prompt


def test_a_multi_scale_model_renders_small_first():
    name = "ltxv-2b-0.9.8-distilled-fp8"
    made = plan_of(preset="runpod-ltxv")
    assert (made.model, made.fit) == (name, "scale")
    passes = [stage for stage in made.stages if stage.kind == "denoise"]
    assert [(p.shape.width, p.shape.height, p.steps) for p in passes] == [
        (800, 448, 7),
        (1600, 896, 3),
    ]
    assert (made.deliver.width, made.deliver.height) == (1216, 704)


def test_sound_guidance_of_a_silent_clip_is_said_to_be_unheard():
    assert any("not heard" in w for w in plan_of(audio=False, audio_guidance_scale=2.0).warnings)


def test_a_gif_has_no_sound():
    made = plan_of(audio=True, output={"format": "gif"})
    assert not made.generate_audio
    assert any("no sound" in warning for warning in made.warnings)


def test_a_number_too_long_to_print_is_refused_in_words():
    refused = refusal_of(width=10**5000, seed=-(10**5000))
    assert set(refused.codes) == {"invalid_field", "seed_out_of_range"}
    assert "beyond 10^18" in str(refused)


def test_adapters_are_held_besides_the_weights():
    used = [{"name_or_path": "ic-detailer"}, {"name_or_path": "x/of_unknown_size.safetensors"}]
    size = CATALOG.lora("ic-detailer").bytes
    assert size
    for low_vram in (False, True):
        asked = {"model": "ltx-2-19b-distilled", "low_vram": low_vram}
        plain, worn = plan_of(**asked).memory, plan_of(**asked, loras=used).memory
        assert worn.components == {**plain.components, "adapters": size}
        assert worn.peak == plain.peak + size
