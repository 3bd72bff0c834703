"""Thumbnails, contact sheets and saved pictures, looked at pixel by pixel."""

import os
from pathlib import Path

import numpy as np
import pytest

from ltxserve.errors import MediaError
from ltxserve.media.encode import write_video
from ltxserve.media.frames import psnr, resize
from ltxserve.media.metadata import read_metadata
from ltxserve.media.stills import read_image
from ltxserve.media.thumbnail import contact_sheet, save_image, spread, thumbnail
from tests.unit.media.samples import flat_clip, moving_clip, target


def test_thumbnail_of_a_file_is_its_middle(tmp_path: Path) -> None:
    clip = moving_clip(21)
    path = write_video([clip], target(tmp_path / "a.mp4", clip)).path
    small = thumbnail(path, longest_side=64)
    assert small.shape == (48, 64, 3)
    others = [psnr(small, resize(frame, 64, 48)) for frame in clip]
    assert int(np.argmax(others)) == 10


def test_thumbnail_is_never_enlarged() -> None:
    picture = moving_clip(1)[0]
    assert np.array_equal(thumbnail(picture, 500), picture)


def test_contact_sheet_shows_every_frame_in_order() -> None:
    clip = np.concatenate([flat_clip((20 * i, 0, 0), 1, 16) for i in range(5)])
    sheet = contact_sheet(clip, columns=3)
    assert sheet.shape == (2 * 16 + 4, 3 * 16 + 2 * 4, 3)
    seen = [sheet[row * 20 + 8, column * 20 + 8, 0] for row in (0, 1) for column in (0, 1, 2)]
    assert seen == [0, 20, 40, 60, 80, 255]


def test_contact_sheet_scales_its_cells() -> None:
    assert contact_sheet(moving_clip(2), columns=8, cell_width=64).shape == (48, 132, 3)


def test_spread_has_both_ends() -> None:
    clip = np.arange(49, dtype=np.uint8).reshape(49, 1, 1, 1).repeat(3, axis=3)
    assert spread(clip, 5)[:, 0, 0, 0].tolist() == [0, 12, 24, 36, 48]
    assert len(spread(clip, 100)) == 49


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_save_image(tmp_path: Path, suffix: str) -> None:
    picture = moving_clip(1)[0]
    save_image(picture, tmp_path / f"a{suffix}", {"prompt": "ä"})
    assert os.listdir(tmp_path) == [f"a{suffix}"]
    assert psnr(read_image(tmp_path / f"a{suffix}"), picture) > 28
    if suffix == ".png":
        assert read_metadata(tmp_path / "a.png") == {"prompt": "ä"}


def test_save_image_refuses_other_names(tmp_path: Path) -> None:
    with pytest.raises(MediaError) as caught:
        save_image(moving_clip(1)[0], tmp_path / "a.txt")
    assert caught.value.code == "output_invalid"
    assert os.listdir(tmp_path) == []
