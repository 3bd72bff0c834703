"""What is refused before any clip is opened."""

from typing import Any

import pytest

from ltxserve.media.stitch.judge import MAX_CLIPS, judge
from ltxserve.media.stitch.parse import parse_stitch


def problems(**fields: Any) -> list[tuple[str, str | None]]:
    data = {"clips": [{"source": "a.mp4"}], **fields}
    return [(p.code, p.field) for p in judge(parse_stitch(data))]


def test_a_good_stitch():
    clip = {"source": "a", "start": 1, "end": -0.5, "speed": 2, "volume": 0.5}
    assert problems(clips=[clip], loudness=-14, fps=30, width=1280, height=720) == []


@pytest.mark.parametrize(
    ("clip", "code", "field"),
    [
        ({"source": " "}, "source_invalid", "source"),
        ({"speed": 0}, "speed_out_of_range", "speed"),
        ({"speed": 11}, "speed_out_of_range", "speed"),
        ({"speed": float("nan")}, "not_a_number", "speed"),
        ({"volume": -1}, "volume_out_of_range", "volume"),
        ({"start": float("inf")}, "not_a_number", "start"),
        ({"start": 1, "start_frame": 24}, "conflicting_fields", "start_frame"),
        ({"end": 1, "end_frame": 24}, "conflicting_fields", "end_frame"),
        ({"transition": {"seconds": -1}}, "transition_invalid", "transition.seconds"),
        ({"transition": {"audio_seconds": 99}}, "transition_invalid", "transition.audio_seconds"),
    ],
)
def test_a_clip(clip: dict[str, Any], code: str, field: str):
    assert problems(clips=[{"source": "a", **clip}]) == [(code, f"clips.0.{field}")]


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"clips": []}, "clips_missing", "clips"),
        ({"clips": [{"source": "a"}] * (MAX_CLIPS + 1)}, "too_many_clips", "clips"),
        ({"fps": 0}, "fps_out_of_range", "fps"),
        ({"fps": 500}, "fps_out_of_range", "fps"),
        ({"loudness": 0}, "loudness_out_of_range", "loudness"),
        ({"width": 2}, "size_out_of_range", "width"),
        ({"height": 721}, "size_not_divisible", "height"),
        ({"output": {"format": "gif"}}, "output_invalid", "output.format"),
        ({"output": {"crf": 99}}, "output_invalid", "output.crf"),
        ({"transition": {"seconds": 31}}, "transition_invalid", "transition.seconds"),
    ],
)
def test_the_whole(fields: dict[str, Any], code: str, field: str):
    assert problems(**fields) == [(code, field)]


def test_all_problems_at_once():
    assert len(problems(clips=[{"source": "a", "speed": 0, "volume": -1}], fps=0)) == 3
