"""Fitting without squashing, what H.264 leaves, and PSNR."""

import math

import numpy as np
import pytest

from ltxserve.errors import MediaError
from ltxserve.media.colour import Pixels
from ltxserve.media.frames import fit_crop, psnr, recompress, resize
from tests.unit.media.samples import moving_clip


def disc(width: int, height: int, radius: int) -> Pixels:
    rows, columns = np.mgrid[:height, :width]
    inside = (rows - (height - 1) / 2) ** 2 + (columns - (width - 1) / 2) ** 2 <= radius**2
    return np.where(inside[..., None], 255, 0).astype(np.uint8).repeat(3, axis=2)


def extent(picture: Pixels) -> tuple[int, int]:
    """Width and height of what is bright."""
    bright = picture[..., 0] > 127
    return int(bright.any(axis=0).sum()), int(bright.any(axis=1).sum())


@pytest.mark.parametrize("size", [(128, 128), (256, 96), (64, 200), (333, 77)])
def test_circles_stay_circles_in_the_middle(size: tuple[int, int]) -> None:
    width, height = size
    fitted = fit_crop(disc(400, 300, 40), width, height)
    assert fitted.shape == (height, width, 3)
    scale = max(width / 400, height / 300)
    wide, high = extent(fitted)
    assert abs(wide - min(width, 80 * scale)) <= 2
    assert abs(high - min(height, 80 * scale)) <= 2
    assert psnr(fitted, fitted[::-1, ::-1]) > 40  # nothing shifts


def test_the_same_size_is_untouched() -> None:
    clip = moving_clip(2)
    assert np.array_equal(fit_crop(clip, 128, 96), clip)


def test_clips_fit_frame_by_frame() -> None:
    clip = moving_clip(3)
    fitted = fit_crop(clip, 64, 64)
    assert fitted.shape == (3, 64, 64, 3)
    assert np.array_equal(fitted[2], fit_crop(clip[2], 64, 64))


def test_resize_may_squash() -> None:
    wide, high = extent(resize(disc(200, 200, 50), 200, 100))
    assert (wide, high) == pytest.approx((100, 50), abs=2)


@pytest.mark.parametrize("shape", [(96, 128), (95, 127), (33, 65)])
def test_recompress_keeps_the_shape_and_loses_with_crf(shape: tuple[int, int]) -> None:
    picture = moving_clip(1, width=shape[1], height=shape[0])[0]
    light, heavy = recompress(picture, 10), recompress(picture, 45)
    assert light.shape == heavy.shape == picture.shape
    assert psnr(picture, heavy) + 2 < psnr(picture, light)
    assert psnr(picture, light) > 31  # what 4:2:0 costs at the square's hard edge


def test_crf_0_changes_nothing() -> None:
    picture = moving_clip(1)[0]
    assert np.array_equal(recompress(picture, 0), picture)


@pytest.mark.parametrize("crf", [-1, 52])
def test_no_crf(crf: int) -> None:
    with pytest.raises(MediaError) as caught:
        recompress(moving_clip(1)[0], crf)
    assert caught.value.code == "output_invalid"


def test_psnr() -> None:
    black, grey = np.zeros((4, 4, 3), np.uint8), np.full((4, 4, 3), 255, np.uint8)
    assert psnr(black, black) == math.inf
    assert psnr(black, grey) == 0
    assert psnr(black, black + 1) == pytest.approx(48.13, abs=0.01)
