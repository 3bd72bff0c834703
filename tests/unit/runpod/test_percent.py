"""Percent of a whole job: rising, below 100, over several clips."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ltxserve.progress import Progress
from ltxserve.runpod.percent import Percent
from tests.tiny import planned

Heard = list[Mapping[str, Any]]


def told(percent: Percent, heard: Heard, *steps: tuple[str, int, int]) -> list[float]:
    """What it says at these steps."""
    del heard[:]
    for stage, step, of in steps:
        percent(Progress(stage, step, of))
    return [update["percent"] for update in heard]


def test_it_rises_and_leaves_room_for_storing():
    heard: Heard = []
    steps = [("load", 1, 1), ("encode_prompt", 1, 1), ("denoise", 1, 2), ("denoise", 2, 2)]
    steps += [("decode_video", 9, 9), ("encode_file", 4, 9), ("decode_video", 0, 9)]
    steps += [("encode_file", 9, 9)]
    percents = told(Percent(heard.append, planned()), heard, *steps)
    assert percents[0] == 0
    assert percents == sorted(percents)
    assert 90 < percents[-1] <= 99
    assert "clip" not in heard[-1]


def test_the_second_of_two_clips_begins_at_half():
    heard: Heard = []
    percent = Percent(heard.append, planned(), number=1, of=2)
    assert told(percent, heard, ("load", 0, 1)) == [49.5]
    assert (heard[0]["clip"], heard[0]["clips"]) == (2, 2)


def test_without_a_plan_the_stage_is_the_whole():
    heard: Heard = []
    assert told(Percent(heard.append), heard, ("stitch", 1, 2)) == [49.5]
