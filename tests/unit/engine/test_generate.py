"""Prompt, pictures and keyword arguments become one request, or are refused by name."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ltxserve.engine.generate import request_of, source_of
from ltxserve.errors import RequestRefused
from ltxserve.media.decode import read_image
from ltxserve.types import Condition
from tests.tiny import disc


def test_fields_fill_the_request():
    request = request_of("a ball", fields={"seed": 7, "output": {"format": "gif"}})
    assert (request.prompt, request.seed, request.output.format) == ("a ball", 7, "gif")
    assert request.conditions == ()


def test_pictures_come_first_and_last_before_other_conditions():
    middle = Condition(source="b.png", frame=24, strength=0.5)
    more = {"source": "d.mp4", "frame": 9}
    request = request_of("a", "a.png", Path("c.png"), {"conditions": [middle, more]})
    assert [(c.source, c.frame, c.strength) for c in request.conditions] == [
        ("a.png", 0, 1.0),
        ("c.png", -1, 1.0),
        ("b.png", 24, 0.5),
        ("d.mp4", 9, 1.0),
    ]


def test_pixels_become_a_source_that_reads_back_exactly():
    picture = disc()
    assert np.array_equal(read_image(source_of(picture)), picture)
    assert np.array_equal(read_image(source_of(Image.fromarray(picture))), picture)


def test_transparency_is_laid_on_white_as_in_files():
    clear = Image.new("RGBA", (4, 4), (0, 0, 0, 0))
    assert (read_image(source_of(clear)) == 255).all()
    assert read_image(source_of(Image.new("CMYK", (4, 4)))).shape == (4, 4, 3)


@pytest.mark.parametrize(
    "array", [disc() / 255, disc()[..., 0], np.zeros((2, 4, 4, 3), np.uint8), np.zeros((4, 4, 2))]
)
def test_an_array_that_is_no_picture_is_refused(array: Any):
    with pytest.raises(RequestRefused) as caught:
        request_of("a", last_image=array)
    problem = caught.value.problems[0]
    assert (problem.code, problem.field) == ("source_invalid", "last_image")


@pytest.mark.parametrize("fields", [{"widht": 4}, {"conditions": "a.png"}, {"seed": "seven"}])
def test_fields_that_cannot_be_read_are_refused(fields: dict[str, Any]):
    with pytest.raises(RequestRefused):
        request_of("a", fields=fields)


def test_the_callers_fields_are_left_as_they_were():
    fields = {"conditions": [{"source": "b.png", "frame": 8}]}
    request_of("a", "a.png", fields=fields)
    assert fields == {"conditions": [{"source": "b.png", "frame": 8}]}
