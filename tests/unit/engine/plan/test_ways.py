"""Clips from a video or to a sound: where they start, what they keep, what excludes what."""

from typing import Any

import pytest

from ltxserve.engine.plan.ways import LEAST_STRENGTH, start_at
from tests.unit.engine.plan.test_build import CATALOG, plan_of, refusal_of

CURVE = CATALOG.model("tiny").sampling.sigmas
VIDEO = {"source": "a.mp4"}


def test_strength_is_the_noise_level_at_the_start():
    made = plan_of(video_to_video={**VIDEO, "strength": 0.8})
    assert made.sigmas == (0.8, 0.725, 0.421875)
    assert made.num_inference_steps == 3
    assert [s.steps for s in made.stages if s.kind == "denoise"] == [3]


def test_full_strength_is_the_whole_curve():
    made = plan_of(video_to_video={**VIDEO, "strength": 1})
    assert made.sigmas == CURVE


def test_no_strength_is_one_short_step():
    assert plan_of(video_to_video={**VIDEO, "strength": 0}).sigmas == (LEAST_STRENGTH,)


@pytest.mark.parametrize("strength", [0.05, 0.3, 0.421875, 0.5, 0.999])
def test_a_start_keeps_the_curve_below_it(strength: float):
    steps, sigmas = start_at(strength, len(CURVE), CURVE)
    assert sigmas is not None
    assert len(sigmas) == steps
    assert sigmas[0] == strength
    assert set(sigmas[1:]) == {sigma for sigma in CURVE if sigma < strength}


def test_a_model_whose_scheduler_makes_the_curve():
    assert start_at(1.0, 10, None) == (10, None)
    assert start_at(0.5, 4, None) == (2, (0.5, 0.25))


def test_own_sigmas_are_cut_too():
    made = plan_of(video_to_video={**VIDEO, "strength": 0.6}, sigmas=[1, 0.7, 0.3])
    assert made.sigmas == (0.6, 0.3)


@pytest.mark.parametrize(
    ("strength", "sigmas"),
    [(1.0, (0.9094, 0.725, 0.4219)), (0.6, (0.6, 0.4219)), (0.2, (0.2,)), (0, (LEAST_STRENGTH,))],
)
def test_no_pass_puts_more_noise_on_a_source_than_was_asked_for(
    strength: float, sigmas: tuple[float, ...]
):
    made = plan_of(model="ltxv-2b-0.9.8-distilled", video_to_video={**VIDEO, "strength": strength})
    second = made.passes[1]
    assert (second.steps, second.sigmas) == (len(sigmas), sigmas)


def test_a_retake_of_nothing():
    nothing = {**VIDEO, "start": 0, "end": 1, "video": False, "audio": False}
    assert refusal_of(retake=nothing).codes == ("conflicting_fields",)
    sound = {**VIDEO, "start": 0, "end": 1, "video": False, "source_has_sound": False}
    assert refusal_of(retake=sound).codes == ("audio_unsupported",)


def test_an_extension_is_planned_by_its_longest_segment():
    made = plan_of(extend={**VIDEO, "seconds": 6, "source_frames": 49})
    assert made.extend is not None
    assert made.generate.num_frames == max(part.num_frames for part in made.extend.segments)
    assert made.deliver.num_frames == 49 + 144
    count = len(made.extend.segments)
    assert [s.kind for s in made.stages].count("denoise") == count > 1
    assert made.stages[-1].kind == "encode_file"
    assert made.stages[-1].shape == made.deliver


def test_a_preset_gives_way_to_the_source():
    made = plan_of(extend={**VIDEO, "seconds": 1, "source_frames": 25}, preset="draft")
    assert made.deliver.num_frames == 49


def test_a_given_sound_is_not_decoded():
    made = plan_of(sound={"source": "a.wav", "start": 0.5, "source_seconds": 3.0})
    assert made.sound is not None
    assert made.sound.start == 0.5
    assert made.generate_audio
    assert "decode_audio" not in [stage.kind for stage in made.stages]


@pytest.mark.parametrize(
    ("sound", "code"),
    [
        ({"start": -1}, "invalid_field"),
        ({"start": 4, "source_seconds": 3}, "source_too_short"),
        ({"start": 2, "source_seconds": 3}, "source_too_short"),
    ],
)
def test_sounds_that_do_not_last(sound: dict[str, Any], code: str):
    assert refusal_of(sound={"source": "a.wav", **sound}).codes == (code,)


def test_a_source_without_sound_makes_a_silent_clip():
    silent = {**VIDEO, "source_has_sound": False}
    assert not plan_of(video_to_video=silent).generate_audio
    assert plan_of(video_to_video=silent, audio=True).generate_audio
    assert plan_of(video_to_video=VIDEO).generate_audio


def test_a_source_that_is_too_short():
    assert refusal_of(video_to_video={**VIDEO, "source_frames": 25}).codes == ("source_too_short",)


@pytest.mark.parametrize(
    "fields",
    [
        {"video_to_video": VIDEO, "retake": {**VIDEO, "start": 0, "end": 1}},
        {"video_to_video": VIDEO, "extend": {**VIDEO, "seconds": 1}},
        {"extend": {**VIDEO, "seconds": 1}, "num_frames": 49},
        {"extend": {**VIDEO, "seconds": 1}, "seconds": 2},
        {"retake": {**VIDEO, "start": 0, "end": 1}, "num_frames": 49},
        {"extend": {**VIDEO, "seconds": 1}, "conditions": [{"source": "a.png"}]},
        {"retake": {**VIDEO, "start": 0, "end": 1}, "conditions": [{"source": "a.png"}]},
        {"extend": {**VIDEO, "seconds": 1}, "sound": {"source": "a.wav"}},
        {"retake": {**VIDEO, "start": 0, "end": 1}, "sound": {"source": "a.wav"}},
        {"sound": {"source": "a.wav"}, "audio": False},
    ],
)
def test_what_excludes_what(fields: dict[str, Any]):
    assert set(refusal_of(**fields).codes) == {"conflicting_fields"}


@pytest.mark.parametrize("source", ["", "a.png", "a.txt", "ftp://x/y.mp4"])
def test_sources_that_are_no_video(source: str):
    assert refusal_of(video_to_video={"source": source}).codes == ("source_invalid",)


def test_sounds_that_are_none():
    assert refusal_of(sound={"source": "a.png"}).codes == ("source_invalid",)


def test_a_model_that_cannot_says_so():
    refused = refusal_of(
        model="ltxv-2b-0.9.0",
        video_to_video=VIDEO,
        sound={"source": "a.wav"},
    )
    assert {"video_to_video_unsupported", "audio_to_video_unsupported"} <= set(refused.codes)
    assert all(problem.hint for problem in refused.problems)
    for name, asked in {"retake": {"start": 0, "end": 1}, "extend": {"seconds": 1}}.items():
        refused = refusal_of(CATALOG, model="ltxv-2b-0.9.0", **{name: {**VIDEO, **asked}})
        assert f"{name}_unsupported" in refused.codes


def test_all_problems_of_a_way_at_once():
    wrong = {"source": "a.png", "strength": 7, "source_frames": 9}
    codes = refusal_of(video_to_video=wrong, width=1).codes
    assert {"source_invalid", "strength_out_of_range", "source_too_short"} <= set(codes)
    assert "size_out_of_range" in codes


def test_no_steps_have_no_start():
    assert start_at(0.5, 0, ()) == (0, ())
