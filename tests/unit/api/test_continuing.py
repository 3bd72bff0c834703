"""Edits and extensions as requests that the plan takes."""

import pytest

from ltxserve.api.continuing import EDIT_STRENGTH, Original, edited, longer, of_job, retaken
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


def test_an_edit_keeps_extent_and_seed_and_starts_from_the_video():
    made = plan(parse_request(edited(of_job(done()), "blue", "tiny")), load_catalog())
    assert (made.deliver.width, made.deliver.num_frames, made.seed) == (256, 49, 7)
    assert made.video_to_video is not None
    assert made.video_to_video.source == ID
    assert made.sigmas is not None
    assert made.sigmas[0] == EDIT_STRENGTH


def test_a_video_of_any_length_is_cut_to_what_models_make():
    assert edited(MOVIE, "x", "tiny")["num_frames"] == 25


@pytest.mark.parametrize("direction", ["end", "start"])
def test_an_extension_goes_on_at_one_end(direction: str):
    how = {"seconds": 1, "direction": direction, "source_frames": 30}
    request = longer(MOVIE, "", "tiny", how)
    assert request["extend"] == {"source": MOVIE.source, **how}
    request |= {"prompt": "x", "width": 128, "height": 128}
    made = plan(parse_request(request), load_catalog())
    assert made.deliver.num_frames == 30 + 24


def test_a_retake_takes_another_seed():
    how = {"start": 0.5, "end": 1.0}
    request = retaken(of_job(done()), "", "tiny", how)
    assert request["prompt"] == "a red ball"
    assert "seed" not in request
    made = plan(parse_request(request), load_catalog())
    assert made.retake is not None
    assert (made.retake.start, made.retake.end) == (0.5, 1.0)
