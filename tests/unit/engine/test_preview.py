"""Previews by one matrix: fitted on what is known, right on what is not, calm with nonsense."""

import numpy as np
import pytest

from ltxserve.engine.preview import CELLS, LinearPreview, fit

CHANNELS = 60


def encoder(chance: np.random.Generator) -> np.ndarray:
    """A linear encoder of patches of CELLS x CELLS pixels, as a VAE nearly is one."""
    return chance.normal(size=(CELLS * CELLS * 3, CHANNELS))


def encoded(pictures: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Pictures (n, H, W, 3) as latents (n, channels, H / CELLS, W / CELLS)."""
    count, height, width, _ = pictures.shape
    down, across = height // CELLS, width // CELLS
    patches = pictures.reshape(count, down, CELLS, across, CELLS, 3).transpose(0, 1, 3, 2, 4, 5)
    latents = (patches.reshape(count, down, across, -1) / 255.0 - 0.5) @ matrix
    return latents.transpose(0, 3, 1, 2)


@pytest.fixture
def chance() -> np.random.Generator:
    return np.random.default_rng(1)


def test_pictures_that_were_not_fitted_are_shown(chance: np.random.Generator):
    matrix = encoder(chance)
    known = chance.integers(0, 256, (8, 24, 32, 3), dtype=np.uint8)
    other = chance.integers(0, 256, (1, 16, 40, 3), dtype=np.uint8)
    preview = fit(encoded(known, matrix), known)
    shown = preview.picture(encoded(other, matrix)[0])
    assert shown.shape == (16, 40, 3)
    assert shown.dtype == np.uint8
    assert np.abs(shown.astype(int) - other[0]).mean() < 6


def test_larger_pictures_are_fitted_by_their_cells(chance: np.random.Generator):
    matrix = encoder(chance)
    small = chance.integers(0, 256, (8, 16, 16, 3), dtype=np.uint8)
    large = small.repeat(8, axis=1).repeat(8, axis=2)
    latents = encoded(small, matrix)
    assert np.allclose(fit(latents, large).matrix, fit(latents, small).matrix)


def test_a_channel_that_says_nothing_counts_for_nothing(chance: np.random.Generator):
    pictures = chance.integers(0, 256, (8, 16, 16, 3), dtype=np.uint8)
    latents = encoded(pictures, encoder(chance))
    latents[:, 5] = 0
    preview = fit(latents, pictures)
    assert np.abs(preview.matrix[5]).max() < 1e-9


@pytest.mark.parametrize("value", [np.nan, np.inf, -1e30, 1e30])
def test_broken_latents_still_give_a_picture(value: float):
    preview = LinearPreview(np.ones((5, CELLS * CELLS * 3)))
    assert preview.picture(np.full((4, 2, 3), value)).shape == (2 * CELLS, 3 * CELLS, 3)
