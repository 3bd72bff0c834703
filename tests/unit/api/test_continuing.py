"""Edits and extensions as requests that the plan takes."""

import pytest

from ltxserve.api.continuing import EDIT_STRENGTH, Original, edited, longer, of_job
from ltxserve.catalog import load_catalog
from ltxserve.engine.plan import parse_request, plan
from ltxserve.errors import Conflict
from tests.api.making import ID, done, job

MOVIE = Original("https://x.example/v.mp4", 128, 96, 30, 24.0, None, "", None)


def test_a_finished_jobs_video():
    original = of_job(done())
    assert (original.source, original.width, original.num_frames) == (ID, 256, 49)
    assert (original.model, original.seed, original.prompt) == ("tiny", 7, "a red ball")
    for unfinished in (job(), done(result=None)):
        with pytest.raises(Conflict) as refused:
            of_job(unfinished)
        assert refused.value.code == "not_ready"


def test_an_edit_keeps_extent_and_half_of_the_picture():
    made = plan(parse_request(edited(of_job(done()), "blue", "tiny")), load_catalog())
    assert (made.deliver.width, made.deliver.num_frames, made.seed) == (256, 49, 7)
    assert made.conditions[0].strength == EDIT_STRENGTH


def test_a_video_of_any_length_is_cut_to_what_models_make():
    assert edited(MOVIE, "x", "tiny")["num_frames"] == 25
    request = longer(MOVIE, "x", 1, "tiny")
    assert (request["num_frames"], request["conditions"][0]["num_frames"]) == (49, 25)


@pytest.mark.parametrize(("before", "frame"), [(False, 0), (True, 24)])
def test_an_extension_holds_the_video_at_one_end(before: bool, frame: int):
    request = longer(MOVIE, "", 1, "tiny", before)
    assert (request["conditions"][0]["frame"], request["conditions"][0]["strength"]) == (frame, 1.0)
    made = plan(
        parse_request({**request, "prompt": "x", "width": 128, "height": 128}), load_catalog()
    )
    assert made.deliver.num_frames == 49


def test_it_grows_even_by_next_to_nothing():
    assert longer(MOVIE, "x", 0.001, "tiny")["num_frames"] == 33
