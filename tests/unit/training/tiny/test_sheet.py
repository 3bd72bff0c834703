"""Sheets: tensors as PNG, colours and places kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from ltxserve.training.tiny.sheet import save_sheet


def test_pixels_are_kept(tmp_path: Path) -> None:
    picture = torch.full((3, 4, 6), -1.0)
    picture[0, 1, 2] = 1.0
    picture[2, 3, 5] = 0.0
    save_sheet(picture, tmp_path / "sheet.png")
    pixels = np.array(Image.open(tmp_path / "sheet.png"))
    assert pixels.shape == (4, 6, 3)
    assert pixels[1, 2].tolist() == [255, 0, 0]
    assert pixels[3, 5, 2] in (127, 128)
    assert np.count_nonzero(pixels) == 2


def test_folders_are_made_and_values_out_of_range_are_cut(tmp_path: Path) -> None:
    path = tmp_path / "some" / "where" / "sheet.png"
    save_sheet(torch.tensor([-7.0, 7.0]).repeat(3, 2, 1), path)
    assert np.array(Image.open(path))[0, :, 0].tolist() == [0, 255]


def test_half_precision_is_fine(tmp_path: Path) -> None:
    save_sheet(torch.zeros(3, 2, 2, dtype=torch.bfloat16), tmp_path / "sheet.png")
    assert np.array(Image.open(tmp_path / "sheet.png")).std() == 0
