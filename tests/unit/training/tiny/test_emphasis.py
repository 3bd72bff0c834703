"""Which tokens count more: those whose pixels a thing covers, wherever it and the camera go."""

from __future__ import annotations

import pytest
import torch

from ltxserve.training.tiny.draw import Canvas, draw
from ltxserve.training.tiny.emphasis import CELL, PASSING, THING, token_weights
from ltxserve.training.tiny.scene import random_scene

FRAMES, HEIGHT, WIDTH = 7, 8, 8


@pytest.mark.parametrize("seed", range(12))
def test_tokens_with_things_count_more(seed: int) -> None:
    weights = token_weights([seed], FRAMES, HEIGHT, WIDTH).view(FRAMES, HEIGHT, WIDTH)
    backdrop = 1.0 if random_scene(seed).camera == "static" else PASSING
    assert set(weights.unique().tolist()) <= {backdrop, THING}
    covered = cells_with_things(seed)
    # A cell that is half covered or more in the middle of its frames must count more ...
    assert (weights[covered > 0.5] == THING).all()
    # ... and few do that hold nothing: the corners of the boxes around things.
    assert ((weights == THING) & (covered == 0)).float().mean() < 0.2


def test_every_clip_has_its_own_weights() -> None:
    both = token_weights([1, 2], FRAMES, HEIGHT, WIDTH)
    assert both.shape == (2, FRAMES * HEIGHT * WIDTH, 1)
    assert torch.equal(both[1:], token_weights([2], FRAMES, HEIGHT, WIDTH))


def test_a_single_frame_and_other_sizes_are_weighed() -> None:
    assert token_weights([3], 1, 4, 6).shape == (1, 24, 1)


def cells_with_things(seed: int) -> torch.Tensor:
    """Share of each cell's pixels that differ from the same scene without its things."""
    from dataclasses import replace

    scene = random_scene(seed)
    canvas = Canvas(WIDTH * CELL, HEIGHT * CELL, 49)
    moved = (draw(scene, canvas) - draw(replace(scene, things=()), canvas)).abs().amax(1) > 0.05
    picked = moved[[0, *range(5, 49, 8)]].float()
    return picked.view(FRAMES, HEIGHT, CELL, WIDTH, CELL).mean((2, 4))
