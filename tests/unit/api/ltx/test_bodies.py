"""LTX API bodies as requests of ours."""

from typing import Any

import pytest

from ltxserve.api.ltx.bodies import BODIES, REFUSED, UNPROMPTED, Continued, read
from ltxserve.errors import LtxserveError, RequestRefused


def test_text_to_video():
    body = {
        "prompt": "x",
        "model": "ltx-2-5-pro",
        "duration": 4,
        "resolution": "1920x1080",
        "camera_motion": "dolly_in",
        "generate_audio": False,
    }
    assert read("text-to-video", body) == {
        "prompt": "x",
        "fps": 24,
        "model": "ltx-2-5-pro",
        "seconds": 4,
        "size": "1920x1080",
        "camera_motion": "dolly_in",
        "audio": False,
    }


def test_image_to_video_places_first_and_last_frame():
    made = read(
        "image-to-video",
        {"prompt": "x", "image_uri": "ltx://uploads/u1", "last_frame_uri": "https://x/b.png"},
    )
    assert isinstance(made, dict)
    assert made["conditions"] == [
        {"source": "u1", "frame": 0},
        {"source": "https://x/b.png", "frame": -1},
    ]


def test_extend():
    made = read("extend", {"video_uri": "ltx://uploads/u1", "duration": 3, "mode": "start"})
    assert made == Continued("extend", "u1", {"seconds": 3, "direction": "start"}, "", None)
    made = read("extend", {"video_uri": "u", "duration": 3, "context": 2, "model": "tiny"})
    how = {"seconds": 3, "direction": "end", "context": 2}
    assert made == Continued("extend", "u", how, "", "tiny")


@pytest.mark.parametrize(
    ("mode", "video", "audio"),
    [
        ("replace_audio", False, True),
        ("replace_video", True, False),
        ("replace_audio_and_video", True, True),
    ],
)
def test_retake(mode: str, video: bool, audio: bool):
    body = {"video_uri": "ltx://uploads/u1", "start_time": 1, "duration": 2.5, "mode": mode}
    how = {"start": 1, "end": 3.5, "video": video, "audio": audio}
    assert read("retake", body) == Continued("retake", "u1", how, "", None)


def test_audio_to_video():
    body = {"audio_uri": "ltx://uploads/u1", "image_uri": "https://x/a.png", "model": "tiny"}
    assert read("audio-to-video", {**body, "resolution": "1920x1080"}) == {
        "prompt": UNPROMPTED,
        "model": "tiny",
        "size": "1920x1080",
        "sound": {"source": "u1"},
        "conditions": [{"source": "https://x/a.png", "frame": 0}],
    }
    made = read("audio-to-video", {"audio_uri": "u", "prompt": "x", "guidance_scale": 2})
    assert made == {"prompt": "x", "guidance_scale": 2, "sound": {"source": "u"}}


@pytest.mark.parametrize(
    ("endpoint", "body"),
    [
        ("text-to-video", {}),
        ("text-to-video", {"prompt": "x", "duration": "long"}),
        ("text-to-video", {"prompt": "x", "camera_motion": "spin"}),
        ("text-to-video", {"prompt": "x", "odd": 1}),
        ("image-to-video", {"prompt": "x"}),
        ("retake", {"video_uri": "x", "start_time": 0, "duration": 1}),
        ("retake", {"video_uri": "x", "start_time": 0, "duration": float("inf")}),
        ("audio-to-video", {"audio_uri": "x"}),
        ("extend", {"video_uri": "x", "duration": 21}),
    ],
)
def test_bodies_are_checked(endpoint: str, body: dict[str, Any]):
    with pytest.raises(RequestRefused):
        read(endpoint, body)


@pytest.mark.parametrize("endpoint", ["video-to-video-hdr", "video-to-video-reframe"])
def test_what_the_engine_cannot_do_is_refused_by_name(endpoint: str):
    with pytest.raises(LtxserveError) as refused:
        read(endpoint, {})
    assert refused.value.code == "not_supported"
    assert refused.value.message == REFUSED[endpoint]


def test_every_endpoint_is_known():
    assert set(BODIES) | set(REFUSED) >= {
        "text-to-video",
        "image-to-video",
        "audio-to-video",
        "retake",
        "extend",
    }
