"""Which parts of each latent's cell things cover, and a reader that has a block know it early.

Shapes are learned last from latents alone, where texture and colour are most of the error. It
knows scenes and the VAE's grid; the reader is thrown away.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ltxserve.training.tiny.draw import OUTLINES, camera_path, thing_path
from ltxserve.training.tiny.emphasis import CELL, FPS, LENGTH
from ltxserve.training.tiny.scene import Scene, random_scene

LEARNING = 3e-3  # of the reader, which has to be good before what it asks for is
PARTS = 8  # a cell is told in so many parts across and down: one for 4 x 4 pixels


def thing_masks(seeds: list[int], coords: Tensor, grid: tuple[int, int, int]) -> Tensor:
    """Where things are, 0 or 1: (b, n, PARTS * PARTS) for tokens at coords (b, 3, n, 2).

    coords: seconds, rows and columns (pixels) of each token, begin and end, as the transformer is
    told them. grid: latent frames, rows and columns of a clip.
    """
    each = [_mask(random_scene(seed), at, grid) for seed, at in zip(seeds, coords, strict=True)]
    return torch.stack(each).float()


def _mask(scene: Scene, at: Tensor, grid: tuple[int, int, int]) -> Tensor:
    frames, height, width = grid
    index = at[0].mean(-1).cpu() * FPS - 0.5  # the middle frame of each token
    when = index / max(1, (frames - 1) * LENGTH)
    zoom, pan_x, pan_y = camera_path(scene, when)
    half = min(height, width) * CELL / 2
    rows = (_inside(at[1]) - height * CELL / 2) / half / zoom[:, None] + pan_y[:, None]
    columns = (_inside(at[2]) - width * CELL / 2) / half / zoom[:, None] + pan_x[:, None]
    covered = torch.zeros(len(index), PARTS, PARTS, dtype=torch.bool)
    for thing in scene.things:
        x, y, radius = (value[:, None] for value in thing_path(thing, when, index / FPS))
        across = ((columns - x) / radius)[:, None, :].expand_as(covered)
        down = ((rows - y) / radius)[:, :, None].expand_as(covered)
        covered |= OUTLINES[thing.shape](across, down) < 0
    return covered.flatten(1)


def _inside(span: Tensor) -> Tensor:
    """Middles of the parts of spans (n, 2): (n, PARTS)."""
    begin, end = span.float().cpu().split(1, dim=1)
    return begin + (end - begin) * (torch.arange(PARTS) + 0.5) / PARTS


class MaskReader(nn.Module):
    """Tells masks from what a block of the transformer hands on. width: of its video tokens."""

    def __init__(self, block: nn.Module, width: int) -> None:
        super().__init__()
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, PARTS * PARTS))
        # Its own: orthogonalized updates, as the transformer's, fit a head ten times as slowly.
        self.optimizer = torch.optim.AdamW(self.parameters(), LEARNING, weight_decay=0.0)
        self._heard: dict[str, Tensor] = {}
        block.register_forward_hook(self._listen)

    def _listen(self, block: nn.Module, given: object, handed: tuple[Tensor, ...]) -> None:
        del block, given
        self._heard["video"] = handed[0]

    def loss(self, masks: Tensor, weights: Tensor) -> Tensor:
        """Cross-entropy of what is told after the last pass; weights (b, n, 1) of its tokens."""
        told = self.head(self._heard.pop("video").float())
        wrong = functional.binary_cross_entropy_with_logits(told, masks, reduction="none")
        return (wrong * weights).sum() / (weights.sum() * masks.shape[-1])

    def update(self) -> None:
        """One step down the gradients that a loss has left."""
        self.optimizer.step()
        self.optimizer.zero_grad()

    def state(self) -> dict[str, Any]:
        """What is needed to go on."""
        return {"weights": self.state_dict(), "optimizer": self.optimizer.state_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.load_state_dict(state["weights"])
        self.optimizer.load_state_dict(state["optimizer"])
