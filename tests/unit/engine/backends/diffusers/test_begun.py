"""What LTX-Video is given: held pictures at their place, others as latents."""

import numpy as np
import pytest

from ltxserve.engine.backends.base import Given, GivenFrames, GivenSound
from ltxserve.engine.backends.diffusers.begun import begun_latents, held_pictures
from ltxserve.errors import GenerationFailed
from tests.unit.engine.ways.given import tone
from tests.unit.media.samples import moving_clip

CLIP = moving_clip(17, 96, 64)


def test_nothing_is_nothing():
    begun_from = Given(GivenFrames(CLIP, 0, (False,) * 3))
    for given in (None, Given(), begun_from):
        assert held_pictures(given) == ()
    held = Given(GivenFrames(CLIP, 0, (True,) * 3))
    for given in (None, Given(), held):
        assert begun_latents(None, given, (96, 64)) is None


def test_a_beginning_is_a_condition_at_the_first_frame():
    (condition,) = held_pictures(Given(GivenFrames(CLIP, 0, (True,) * 3)))
    assert (condition.frame, condition.strength) == (0, 1.0)
    assert condition.frames is CLIP


def test_an_end_begins_with_its_first_picture_twice():
    (condition,) = held_pictures(Given(GivenFrames(CLIP[:16], 9, (True, True))))
    assert condition.frame == 8
    assert len(condition.frames) == 17
    assert np.array_equal(condition.frames[0], condition.frames[1])
    assert np.array_equal(condition.frames[1:], CLIP[:16])


def test_parts_and_sounds_cannot_be_held():
    part = GivenFrames(CLIP, 0, (True, False, True))
    whole = GivenFrames(CLIP, 0, (True,) * 3)
    for given in (Given(part), Given(whole, GivenSound(tone(17)))):
        with pytest.raises(GenerationFailed):
            held_pictures(given)
