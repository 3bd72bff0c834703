"""Small pictures of latents while a clip is still noise, by one matrix; knows no model and no VAE.

A latent's channels say, nearly linearly, which colours its patch of the picture has. The matrix is
fitted to pictures and what a model's own VAE makes of them, so no numbers per model are kept here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Pixels = npt.NDArray[np.uint8]

CELLS = 4
"""A latent's patch is shown as CELLS x CELLS pixels."""
_RIDGE = 1e-3  # of a sample's energy: keeps channels that say nothing about colour at nothing


@dataclass(frozen=True, eq=False)
class LinearPreview:
    """Turns latents into pictures. matrix: (channels + 1, 3 * CELLS**2)."""

    matrix: Floats

    def picture(self, latents: Floats) -> Pixels:
        """RGB uint8 (CELLS * height, CELLS * width, 3) of one latent frame."""
        channels, height, width = latents.shape
        values = _rows(latents.reshape(channels, -1).T) @ self.matrix
        patches = values.reshape(height, width, CELLS, CELLS, 3).transpose(0, 2, 1, 3, 4)
        picture = patches.reshape(CELLS * height, CELLS * width, 3)
        return np.nan_to_num(picture * 255).round().clip(0, 255).astype(np.uint8)


def fit(latents: Floats, pictures: Pixels) -> LinearPreview:
    """The matrix that shows latents (n, channels, h, w) most like pictures (n, H, W, 3), RGB.

    H and W are multiples of CELLS * h and CELLS * w. Least squares, with a little ridge.
    """
    count, channels, height, width = latents.shape
    down, across = pictures.shape[1] // (CELLS * height), pictures.shape[2] // (CELLS * width)
    cells = pictures.reshape(count, CELLS * height, down, CELLS * width, across, 3) / 255.0
    small = cells.mean(axis=(2, 4))
    patches = small.reshape(count, height, CELLS, width, CELLS, 3).transpose(0, 1, 3, 2, 4, 5)
    wanted = patches.reshape(-1, CELLS * CELLS * 3)
    given = _rows(latents.transpose(0, 2, 3, 1).reshape(-1, channels))
    square = given.T @ given
    ridge = _RIDGE * np.trace(square) / len(square) * np.eye(len(square))
    return LinearPreview(np.linalg.solve(square + ridge, given.T @ wanted))


def _rows(latents: Floats) -> Floats:
    """One latent a row, and a constant beside it."""
    rows = latents.astype(np.float64)
    return np.concatenate([rows, np.ones((len(rows), 1))], axis=1)
