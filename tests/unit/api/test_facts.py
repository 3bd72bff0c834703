"""What dialects read of a job."""

import pytest

from ltxserve.api import facts
from tests.api.making import BORN, ID, done, failed, job


def test_the_extent_is_planned_and_then_made():
    planned, made = facts.extent_of(job()), facts.extent_of(done())
    assert planned is not None
    assert made is not None
    assert planned == made
    assert made.size == "256x128"
    assert facts.extent_of(job(plan=None)) is None


@pytest.mark.parametrize(
    ("changes", "percent"),
    [({}, 0), ({"progress": {"percent": 41.7}}, 41), ({"progress": {"percent": 100}}, 99)],
)
def test_percent_is_whole_and_below_100_until_the_end(changes: dict[str, object], percent: int):
    assert facts.percent_of(job(**changes)) == percent
    assert facts.percent_of(done()) == 100


def test_eta_seed_model_and_prompt():
    assert facts.eta_of(job()) is None
    assert facts.eta_of(job(progress={"eta_seconds": -1})) == 0
    assert facts.seed_of(job(plan={"seed": 5})) == 5
    assert facts.seed_of(done()) == 7
    assert facts.model_of(job()) == "tiny"
    assert facts.prompt_of(job()) == "a red ball"
    assert (facts.is_over(job()), facts.is_over(failed())) == (False, True)


def test_times():
    assert facts.iso(BORN) == "2023-11-14T22:13:20.250Z"
    assert facts.iso(None) is None
    assert facts.whole(BORN) == 1_700_000_000
    assert facts.whole(None) is None


@pytest.mark.parametrize("key", [f"local/uploads/{ID}.png", f"local/{ID}/1/video.mp4"])
def test_sources_are_shown_as_the_ids_they_were_given_by(key: str):
    assert facts.shown([{"source": f"store:{key}"}]) == [{"source": ID}]


def test_data_uris_are_left_out():
    long = "data:image/png;base64," + "A" * 500
    shown = facts.shown({"conditions": [{"source": long, "frame": 0}], "prompt": "x" * 500})
    assert shown["conditions"][0]["source"] == "data:image/png;base64,(left out)"
    assert shown["prompt"] == "x" * 500


@pytest.mark.parametrize(
    ("request_", "name"),
    [
        ({"prompt": "A red ball, rolling!"}, "a-red-ball-rolling.mp4"),
        ({"prompt": "球"}, "clip.mp4"),
        ({"prompt": "x", "output": {"file_name": "mine.mp4"}}, "mine.mp4"),
        ({"prompt": "x", "output": {"file_name": "mine"}}, "mine.mp4"),
    ],
)
def test_file_names(request_: dict[str, object], name: str):
    assert facts.file_name_of(job(request=request_), ".mp4") == name
