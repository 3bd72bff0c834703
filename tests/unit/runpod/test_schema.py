"""What an input may say: the words of both specifications, aliases, sources, every problem."""

from __future__ import annotations

import base64
import string
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ltxserve.engine.plan import parse_request
from ltxserve.errors import Problem, RequestRefused
from ltxserve.runpod.schema import Reading, mode_of, read, unwrapped
from ltxserve.runpod.words import MAX_PROMPTS

PICTURE = base64.b64encode(b"\x89PNG" * 30).decode()


def fields(reading: Reading) -> set[str | None]:
    """The fields that were found wrong."""
    try:
        reading.refuse()
    except RequestRefused as refused:
        return {problem.field for problem in refused.problems}
    return set()


def test_the_words_of_the_worker_on_diffusers():
    reading = read(
        {
            "mode": "t2v",
            "prompt": "a ball",
            "negative_prompt": "blurry",
            "seed": None,
            "steps": 30,
            "guidance": 7.0,
            "fps": 24,
            "num_frames": 49,
            "height": 512,
            "width": 512,
            "image_url": None,
            "image_base64": None,
            "output_format": "mp4",
            "file_name": "video.mp4",
            "return_signed_url": True,
            "low_vram": False,
        }
    )
    assert fields(reading) == set()
    request = parse_request(reading.request)
    assert (request.num_inference_steps, request.guidance_scale) == (30, 7.0)
    assert (request.width, request.height, request.num_frames, request.fps) == (512, 512, 49, 24.0)
    assert request.output.format == "mp4"
    assert mode_of(reading) == "t2v"


def test_the_words_of_the_credit_platform():
    reading = read(
        {
            "prompt": "a ball",
            "preset": "fast",
            "duration": 10,
            "resolution": "1080p",
            "camera": "Dolly In",
            "spatial_upscaler": True,
            "temporal_upscaler": True,
            "detailer": True,
            "control": {"kind": "depth", "source": "https://x.example/d.mp4"},
        }
    )
    assert fields(reading) == set()
    request = parse_request(reading.request)
    assert (request.seconds, request.size, request.camera_motion) == (10.0, "1080p", "dolly_in")
    assert (request.upscale.spatial, request.upscale.temporal) == (True, True)
    assert [lora.name_or_path for lora in request.loras] == ["ic-detailer"]
    assert request.controls[0].kind == "depth"


@pytest.mark.parametrize(
    ("name", "value", "source"),
    [
        ("image", "https://x.example/a.png", "https://x.example/a.png"),
        ("image_url", "https://x.example/a.png", "https://x.example/a.png"),
        ("image_base64", PICTURE, f"data:application/octet-stream;base64,{PICTURE}"),
        ("image_base64", "data:image/png;base64,AAAA", "data:image/png;base64,AAAA"),
        ("image", PICTURE * 9, f"data:application/octet-stream;base64,{PICTURE * 9}"),
        ("image", "a.png", "a.png"),
    ],
)
def test_a_picture_is_the_first_frame(name: str, value: str, source: str):
    reading = read({"prompt": "a ball", name: value, "strength": 0.8})
    condition = parse_request(reading.request).conditions[0]
    assert (condition.source, condition.frame, condition.strength) == (source, 0, 0.8)
    assert mode_of(reading) == "i2v"


def test_first_and_last_picture_and_a_video():
    reading = read(
        {"prompt": "x", "image_url": "https://a.example/1", "end_image_url": "https://b"}
    )
    assert [c.frame for c in parse_request(reading.request).conditions] == [0, -1]


@pytest.mark.parametrize(
    ("words", "field", "mode"),
    [
        ({"video_url": "https://a.example/v.mp4", "strength": 0.4}, "video_to_video", "v2v"),
        ({"video_base64": PICTURE}, "video_to_video", "v2v"),
        ({"extend": {"source": "https://a.example/v.mp4", "seconds": 2}}, "extend", "extend"),
        ({"retake": {"source": "https://a", "start": 0, "end": 1}}, "retake", "retake"),
        ({"audio_url": "https://a.example/s.wav"}, "sound", "a2v"),
    ],
)
def test_what_a_clip_is_made_from(words: dict[str, Any], field: str, mode: str):
    reading = read({"prompt": "x", **words})
    assert fields(reading) == set()
    made = getattr(parse_request(reading.request), field)
    assert made.source.startswith(("https://", "data:"))
    if "strength" in words:
        assert made.strength == words["strength"]
    assert mode_of(reading) == mode


def test_every_problem_at_once_in_the_callers_words():
    reading = read(
        {
            "steps": "many",
            "output_format": "avi",
            "imge_url": "x",
            "mode": "i2v",
            "return_base64": "perhaps",
        }
    )
    assert fields(reading) == {
        "prompt",
        "steps",
        "output_format",
        "imge_url",
        "mode",
        "return_base64",
    }
    hints = {problem.field: problem.hint for problem in reading.problems}
    assert hints["imge_url"] == "Did you mean image_url?"


@pytest.mark.parametrize(
    ("words", "field"),
    [
        ({"steps": 4, "num_inference_steps": 5}, "steps"),
        ({"image_url": "https://a.example", "image_base64": PICTURE}, "image_base64"),
        ({"mode": "t2v", "image_url": "https://a.example"}, "mode"),
        ({"mode": "v2v"}, "mode"),
        ({"mode": "s2v"}, "mode"),
        ({"mode": "t2v", "video_url": "https://a.example"}, "mode"),
        ({"video": "https://a", "video_to_video": {"source": "https://b"}}, "video"),
        ({"prompts": ["a"]}, "prompts"),
        ({"s3": {"endpoint": "https://s3.example"}}, "s3.bucketName"),
        ({"image": 7}, "image"),
        ({"conditions": "x"}, "conditions"),
    ],
)
def test_words_that_contradict(words: dict[str, Any], field: str):
    found = fields(read({"prompt": "a ball", **words}))
    assert any(str(name).startswith(field.partition(".")[0]) for name in found), found


def test_prompts_are_limited():
    assert fields(read({"prompts": ["a", "b"]})) == set()
    assert fields(read({"prompts": ["a"] * (MAX_PROMPTS + 1)})) == {"prompts"}
    assert fields(read({"prompts": []})) == {"prompts"}


def test_problems_of_conditions_carry_the_callers_place():
    reading = read(
        {
            "prompt": "x",
            "image_url": "https://a.example/1",
            "conditions": [{"source": "https://a.example/2", "frame": 8}],
        }
    )
    reading.say("media_corrupt", "First.", "", "conditions.0.source")
    reading.say("media_corrupt", "Second.", "", "conditions.1.source")
    assert fields(reading) == {"image_url", "conditions.0.source"}


def test_the_clients_wrapping_is_taken_off():
    assert unwrapped({"input": {"input": {"prompt": "x"}}}) == {"prompt": "x"}
    for odd in (None, [], "x", {"input": 3}):
        with pytest.raises(RequestRefused):
            unwrapped(odd)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
WORDS = """prompt prompts steps image image_base64 conditions loras control s3 output upscale
    stitch mode width seed upload_url strength camera"""
NAMES = st.sampled_from(WORDS.split())


@settings(max_examples=300)
@given(st.dictionaries(NAMES | st.text(string.ascii_letters, max_size=5), JSON, max_size=6))
def test_nothing_but_a_refusal_ever_comes_out(words: dict[str, Any]):
    reading = read(words)
    if reading.problems:
        with pytest.raises(RequestRefused):
            reading.refuse()
    else:
        assert parse_request(reading.request)


def test_an_input_of_many_levels_is_refused_as_such():
    deep: list[Any] = []
    for _ in range(20_000):
        deep = [deep]
    with pytest.raises(RequestRefused) as refused:
        unwrapped({"prompt": "x", "conditions": deep})
    assert refused.value.problems[0].message == "The input is nested too deeply."


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ({"strength": float("nan")}, {"strength"}),
        ({"s3": {"endpoint": "https://s", "bucket": "b", "odd": 1}}, {
            "s3.odd", "s3.access_key_id", "s3.secret_access_key",
        }),
        ({"s3": {**dict.fromkeys(("endpoint", "accessId", "accessSecret"), "x"),
                 "bucket": "\ud800"}}, {"s3.bucket"}),
        ({"upload_url": {"a": 1}}, {"upload_url"}),
        ({"upload_url": [None]}, {"upload_url.0"}),
        ({"control": "depth"}, {"control"}),
    ],
)  # fmt: skip
def test_odd_values_of_the_workers_own_words(words: dict[str, Any], expected: set[str]):
    assert fields(read({"prompt": "x", **words})) == expected


@pytest.mark.parametrize("words", [{"prompts": "abc"}, {"prompts": [5]}, {"stitch": "x"}])
def test_what_stands_for_the_prompt_is_not_missed_twice(words: dict[str, Any]):
    assert "prompt" not in fields(read(words))


def test_without_a_model_that_can_be_read_nothing_is_judged_by_another():
    assert read({"prompt": "x", "width": 4000}).is_open
    assert not read({"prompt": "x", "width": 4000, "model": 7}).is_open


def test_an_adapters_path_is_told_with_all_the_rest():
    words = {"prompt": "x", "loras": [{"name_or_path": "/etc/passwd"}], "odd": 1}
    assert fields(read(words)) == {"loras.0.name_or_path", "odd"}


def test_problems_of_toggles_name_the_toggles():
    words = {
        "spatial_upscaler": True,
        "detailer": True,
        "control": {"kind": "depth", "source": "x"},
    }
    reading = read({"prompt": "x", **words, "loras": [{"name_or_path": "mine"}]})
    with pytest.raises(RequestRefused) as refused:
        reading.refuse(
            tuple(
                Problem("invalid_field", "No.", "", name)
                for name in ("upscale.spatial", "loras.0.strength", "loras.1.name_or_path",
                             "controls.0", "controls.0.source")
            )
        )  # fmt: skip
    told = [problem.field for problem in refused.value.problems]
    assert told == ["spatial_upscaler", "loras.0.strength", "detailer", "control", "control"]
