"""Masks of things are where they are drawn, under any camera; readers learn to tell them."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
import torch

from ltxserve.training.tiny.draw import Canvas, draw
from ltxserve.training.tiny.fit_transformer import TransformerJob
from ltxserve.training.tiny.masks import PARTS, MaskReader, thing_masks
from ltxserve.training.tiny.noising import noised
from ltxserve.training.tiny.scene import random_scene
from tests.unit.training.tiny.batches import small_batch

GRID = (7, 8, 8)


def coords() -> torch.Tensor:
    """As the transformer is told where the tokens of a clip of 49 frames at 256 x 256 are."""
    job = TransformerJob("coords", 1, lambda number: small_batch(7))
    rope = job.net.transformer.rope
    return rope.prepare_video_coords(1, *GRID, device=torch.device("cpu"), fps=24.0)


@pytest.mark.parametrize("seed", [0, 1, 2, 5, 8, 9, 12, 13])
def test_masks_are_where_things_are_drawn(seed: int) -> None:
    masks = thing_masks([seed], coords(), GRID)[0].view(7, 8, 8, PARTS, PARTS)
    told = masks.permute(0, 1, 3, 2, 4).reshape(7, 64, 64)
    # At twice the rate, where the middles of tokens are frames.
    scene, canvas = random_scene(seed), Canvas(256, 256, 97, 48.0)
    for latent, frame in ((0, 0), (3, 41), (6, 89)):
        part = slice(frame, frame + 1)
        away = draw(scene, canvas, part=part) - draw(replace(scene, things=()), canvas, part=part)
        drawn = (away.abs().amax(1)[0] > 0.02).float().view(64, 4, 64, 4).mean((1, 3)) > 0.5
        both, either = (told[latent] > 0) & drawn, (told[latent] > 0) | drawn
        assert both.sum() >= 0.9 * either.sum()


class Block(torch.nn.Module):
    """Hands on its tokens beside others, as blocks of the transformer do."""

    def forward(self, tokens: torch.Tensor) -> tuple[torch.Tensor, None]:
        return 2 * tokens, None


def test_what_masks_are_read_from_is_changed_by_it() -> None:
    block = Block()
    reader = MaskReader(block, 16)
    tokens = torch.randn(2, 5, 16, requires_grad=True)
    block(tokens)
    reader.loss(torch.ones(2, 5, PARTS * PARTS), torch.ones(2, 5, 1)).backward()
    assert tokens.grad is not None
    assert tokens.grad.abs().sum() > 0


def test_a_step_tells_how_well_masks_are_read() -> None:
    job = TransformerJob("masks", 10, lambda number: small_batch(2))
    told = [job.step(number, 1.0)["mask"] for number in range(12)]
    assert told[-1] < told[0]


def test_tokens_of_keyframes_have_masks_too() -> None:
    job = TransformerJob("keyed", 1, lambda number: small_batch(2))
    for chance in range(20):
        seen = noised(small_batch(2), job.net.transformer.rope, Random(str(chance)))
        masks = thing_masks([0, 1], seen.coords, (2, 2, 2))
        assert masks.shape == (2, seen.video.shape[1], PARTS * PARTS)
