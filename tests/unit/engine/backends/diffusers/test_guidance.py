"""Guidance terms reach the pipeline as they were planned, a silent 0 included."""

from typing import Any

import numpy as np
import pytest

from ltxserve.engine.backends.diffusers.guidance import NEXT_TO_NOTHING, guidance_arguments
from ltxserve.engine.plan import Guidance
from tests import tiny
from tests.tiny import backend, planned, request


def arguments(**fields: Any) -> dict[str, Any]:
    return guidance_arguments(planned(**fields))


def test_off_is_off():
    given = arguments(guidance_scale=1)
    assert (given["guidance_scale"], given["audio_guidance_scale"]) == (1.0, 1.0)
    assert (given["stg_scale"], given["audio_stg_scale"]) == (0.0, 0.0)
    assert given["spatio_temporal_guidance_blocks"] is None


def test_a_pass_may_have_its_own():
    off = Guidance(1.0, 0.0, (), 0.0, 1.0)
    given = guidance_arguments(planned(guidance_scale=3, modality_scale=2), off)
    assert (given["guidance_scale"], given["audio_guidance_scale"]) == (1.0, 1.0)
    assert (given["modality_scale"], given["audio_modality_scale"]) == (1.0, 1.0)


def test_every_term_has_its_place():
    given = arguments(
        guidance_scale=3,
        stg_scale=0.5,
        stg_blocks=[1, 2],
        guidance_rescale=0.7,
        modality_scale=2,
        audio_guidance_scale=4,
        audio_stg_scale=0.25,
        audio_guidance_rescale=0.1,
        audio_modality_scale=5,
    )
    assert given["spatio_temporal_guidance_blocks"] == [1, 2]
    names = ("guidance_scale", "stg_scale", "guidance_rescale", "modality_scale")
    assert [given[name] for name in names] == [3, 0.5, 0.7, 2]
    assert [given[f"audio_{name}"] for name in names] == [4, 0.25, 0.1, 5]


@pytest.mark.parametrize("term", ["stg_scale", "guidance_rescale"])
def test_a_sound_term_of_zero_does_not_become_the_pictures(term: str):
    given = arguments(**{term: 0.5, f"audio_{term}": 0, "guidance_scale": 2})
    assert given[f"audio_{term}"] == NEXT_TO_NOTHING
    assert given[term] == 0.5


def test_the_sound_stays_as_it_is_without_guidance_of_its_own():
    """STG on the picture alone: the sound's own term is off, so its noise follows the same path
    until the picture that it listens to has changed."""
    pipeline = backend().pipeline
    tiny.engine().generate(request(stg_scale=1.0, audio_stg_scale=0.0))
    assert (pipeline.stg_scale, pipeline.audio_stg_scale) == (1.0, NEXT_TO_NOTHING)


@pytest.mark.parametrize(
    "fields", [{"guidance_scale": 4.0}, {"stg_scale": 1.0}, {"modality_scale": 3.0}]
)
def test_every_kind_of_guidance_changes_the_picture(fields: dict[str, float]):
    plain, guided = (tiny.engine().generate(request(**f)).frames for f in ({}, fields))
    assert not np.array_equal(plain, guided)
