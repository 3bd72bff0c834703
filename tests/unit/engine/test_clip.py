"""Clips in memory and in files: what they answer, how they are saved, what is embedded."""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from ltxserve.engine.clip import (
    LEFT_OUT,
    Clip,
    ClipFile,
    Report,
    Reported,
    format_of,
    metadata_of,
    target_of,
)
from ltxserve.errors import RequestRefused
from ltxserve.media.decode import read_video
from ltxserve.media.metadata import read_metadata
from ltxserve.media.sound import Sound
from tests.tiny import planned

TIMINGS = {"load": 5.0, "denoise": 1.0, "decode_video": 0.5}


def report(**fields: object) -> Report:
    plan = planned(seed=7, **fields)
    return Report(plan, 7, TIMINGS, ("Something.",), 1000)


def clip(**fields: object) -> Clip:
    frames = np.full((9, 128, 128, 3), 120, np.uint8)
    sound = Sound(np.zeros((2, 6000), np.float32), 16_000)
    return Clip(frames, sound, 24.0, report(**fields))


def test_a_clip_says_what_it_is():
    made = clip()
    assert (made.num_frames, made.width, made.height, made.seconds) == (9, 128, 128, 9 / 24)
    assert (made.seed, made.warnings, made.timings) == (7, ("Something.",), TIMINGS)
    assert made.plan.model == "tiny"
    assert isinstance(made, Reported)


def test_loading_does_not_count_as_generating():
    assert report().seconds == 1.5


def test_a_clip_prints_without_its_pixels():
    assert len(repr(clip())) < 100


@pytest.mark.parametrize(("name", "sound"), [("a.mp4", True), ("b.WEBM", True), ("c.gif", False)])
def test_a_clip_saves_by_suffix(tmp_path: Path, name: str, sound: bool):
    file = clip().save(tmp_path / name)
    assert (file.num_frames, file.has_sound) == (9, sound)
    assert read_video(file.path).fps == 24


def test_a_clip_file_knows_its_place(tmp_path: Path):
    made = ClipFile(clip().save(tmp_path / "a.mp4"), report())
    assert made.path == tmp_path / "a.mp4"
    assert made.seed == 7


@pytest.mark.parametrize("name", ["a.avi", "a.mp3", "clip.2"])
def test_another_suffix_is_refused(name: str):
    with pytest.raises(RequestRefused) as caught:
        format_of(Path(name))
    assert caught.value.problems[0].code == "output_invalid"


def test_quality_is_of_the_format_it_was_planned_for():
    plan = planned(output={"format": "webm", "crf": 40})
    assert target_of(Path("a.webm"), plan).crf == 40
    assert target_of(Path("a.mp4"), plan).crf is None


def test_the_target_has_the_delivered_size_and_the_exact_rate():
    target = target_of(Path("a.mp4"), planned(width=150, fps=23.976))
    assert (target.width, target.height, target.fps) == (150, 128, Fraction(24000, 1001))


SOURCES = ("data:image/png;base64,iVBORw0KGgo=", "https://host/a.png?key=secret", "~/me/a.png")


@pytest.mark.parametrize("source", SOURCES)
def test_sources_are_not_embedded(source: str):
    embedded = metadata_of(planned(conditions=[{"source": source}], seed=3))
    plan = json.loads(embedded["plan"])
    assert plan["conditions"][0]["source"] == LEFT_OUT
    assert plan["conditions"][0]["frame"] == 0
    assert source not in json.dumps(embedded)


def test_what_is_embedded_makes_the_clip_again(tmp_path: Path):
    clip(prompt="ein Ball, 日本語").save(tmp_path / "a.mp4")
    found = read_metadata(tmp_path / "a.mp4")
    assert (found["prompt"], found["seed"], found["model"]) == ("ein Ball, 日本語", "7", "tiny")
    assert json.loads(found["plan"])["num_inference_steps"] == 2


def test_nothing_is_embedded_when_switched_off(tmp_path: Path):
    clip(output={"embed_metadata": False}).save(tmp_path / "a.gif")
    assert not read_metadata(tmp_path / "a.gif")
