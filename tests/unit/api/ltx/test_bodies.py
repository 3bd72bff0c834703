"""LTX API bodies as requests of ours."""

from typing import Any

import pytest

from ltxserve.api.ltx.bodies import BODIES, REFUSED, Longer, read
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
    assert made == Longer("u1", 3, "", before=True, model=None)


@pytest.mark.parametrize(
    ("endpoint", "body"),
    [
        ("text-to-video", {}),
        ("text-to-video", {"prompt": "x", "duration": "long"}),
        ("text-to-video", {"prompt": "x", "camera_motion": "spin"}),
        ("text-to-video", {"prompt": "x", "odd": 1}),
        ("image-to-video", {"prompt": "x"}),
        ("retake", {"video_uri": "x", "start_time": 0, "duration": 1}),
        ("extend", {"video_uri": "x", "duration": 21}),
    ],
)
def test_bodies_are_checked(endpoint: str, body: dict[str, Any]):
    with pytest.raises(RequestRefused):
        read(endpoint, body)


@pytest.mark.parametrize(
    "endpoint", ["audio-to-video", "retake", "video-to-video-hdr", "video-to-video-reframe"]
)
def test_what_the_engine_cannot_do_is_refused_by_name(endpoint: str):
    bodies = {
        "audio-to-video": {"audio_uri": "a"},
        "retake": {"video_uri": "v", "start_time": 0, "duration": 2},
    }
    with pytest.raises(LtxserveError) as refused:
        read(endpoint, bodies.get(endpoint, {}))
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
