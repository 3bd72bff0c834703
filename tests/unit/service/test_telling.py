"""Progress as updates: plain data, pictures now and then, and a cancel passes through."""

import base64
import io
import json
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ltxserve.errors import Cancelled
from ltxserve.pool.base import Json
from ltxserve.progress import Progress
from ltxserve.service.telling import EVERY, LONGEST_SIDE, Teller, as_jpeg
from tests.clocks import Clock


def shown(latents: Any) -> np.ndarray:
    return np.full((8, 12, 3), latents, np.uint8)


def pictured(told: list[Json]) -> list[int]:
    return [update["step"] for update in told if "preview" in update]


def test_pictures_come_at_the_first_step_at_the_last_and_now_and_then():
    told: list[Json] = []
    clock = Clock()
    teller = Teller(told.append, shown, clock=clock)
    for step in range(1, 11):
        teller(Progress("denoise", step, 10, latents=step))
        clock.now += EVERY / 3
    assert pictured(told) == [1, 4, 7, 10]
    assert [update["step"] for update in told] == list(range(1, 11))
    assert json.dumps(told)


def test_the_model_is_told_once_it_is_loaded():
    told: list[Json] = []
    teller = Teller(told.append, None, "tiny")
    for progress in (Progress("load", 0, 1), Progress("load", 1, 1), Progress("denoise", 1, 8)):
        teller(progress)
    assert [update.get("model") for update in told] == [None, "tiny", None]


@pytest.mark.parametrize("error", [RuntimeError("no device"), ValueError("no shape")])
def test_a_picture_that_cannot_be_made_is_left_out(error: Exception):
    told: list[Json] = []

    def broken(latents: Any) -> np.ndarray:
        raise error

    Teller(told.append, broken)(Progress("denoise", 1, 8, latents=1))
    assert told == [{"stage": "denoise", "step": 1, "of": 8}]


def test_a_cancel_stops_the_run():
    def tell(update: Json) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        Teller(tell)(Progress("denoise", 1, 8))


@pytest.mark.parametrize(
    ("size", "enlarged"), [((16, 24), (160, 240)), ((300, 20), (300, 20)), ((1, 1), (256, 256))]
)
def test_small_pictures_are_enlarged_by_whole_numbers(
    size: tuple[int, int], enlarged: tuple[int, int]
):
    picture = Image.open(io.BytesIO(base64.b64decode(as_jpeg(np.zeros((*size, 3), np.uint8)))))
    assert (picture.height, picture.width) == enlarged
    assert picture.format == "JPEG"
    assert max(enlarged) <= max(LONGEST_SIDE, *size)
