"""Which latent tokens hold things: they count more, or most of the loss would be about texture.

It knows scenes and the VAE's grid, not the transformer.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ltxserve.training.tiny.draw import camera_path, thing_path
from ltxserve.training.tiny.scene import Scene, random_scene

THING = 4.0  # weight of a token that holds a part of a thing; others have 1
PASSING = 2.5  # weight of backdrop under a moving camera, which nothing else shows
CELL, LENGTH, FPS = 32, 8, 24.0  # pixels and frames of a latent; frames per second


def token_weights(seeds: list[int], frames: int, height: int, width: int) -> Tensor:
    """Weights (b, frames * height * width, 1) of the clips of scenes; sizes are latent ones."""
    return torch.stack([_weights(random_scene(seed), frames, height, width) for seed in seeds])


def _weights(scene: Scene, frames: int, height: int, width: int) -> Tensor:
    # The first latent is one frame, each other one the middle of LENGTH frames.
    index = torch.arange(frames) * LENGTH - (LENGTH - 1) / 2 * (torch.arange(frames) > 0)
    when = index / max(1, (frames - 1) * LENGTH)
    zoom, pan_x, pan_y = camera_path(scene, when)
    half = CELL / (min(height, width) * CELL)  # of a cell, in half shorter frame sides
    across = (2 * torch.arange(width) + 1 - width) * half
    down = (2 * torch.arange(height) + 1 - height) * half
    held = torch.zeros(frames, height, width, dtype=torch.bool)
    for thing in scene.things:
        x, y, radius = thing_path(thing, when, index / FPS)
        reach = (radius * zoom + half)[:, None]
        near_x = (across - ((x - pan_x) * zoom)[:, None]).abs() < reach
        near_y = (down - ((y - pan_y) * zoom)[:, None]).abs() < reach
        held |= near_y[:, :, None] & near_x[:, None, :]
    backdrop = 1.0 if scene.camera == "static" else PASSING
    return torch.where(held, THING, backdrop).flatten()[:, None]
