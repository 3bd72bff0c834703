"""Muon, with AdamW for the rest: what gets these small networks off the mean-colour plateau.

Unlike torch.optim.Muon it takes convolution kernels, which are most of a VAE. It knows no models.
Source of the iteration's constants: Keller Jordan's Muon (quintic Newton-Schulz).
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

ITERATION = (3.4445, -4.7750, 2.0315)
ROUNDS = 5


def orthogonalized(update: Tensor) -> Tensor:
    """The nearest half-orthogonal matrix to a matrix, roughly: singular values end near 1."""
    a, b, c = ITERATION
    x = update.bfloat16()
    x = x / (x.norm() + 1e-7)
    tall = x.shape[0] > x.shape[1]
    if tall:
        x = x.mT
    for _ in range(ROUNDS):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.mT if tall else x).to(update.dtype)


def as_matrix(weight: Tensor) -> Tensor:
    """A kernel as a matrix: its taps join the larger of in and out channels.

    That leaves the smaller side, and so the smaller Gram matrix. Takes (out, in, *taps).
    """
    if weight.ndim == 2:
        return weight
    taps = weight.flatten(2)
    if weight.shape[0] <= weight.shape[1]:
        return taps.flatten(1)
    return taps.permute(0, 2, 1).flatten(0, 1)


def from_matrix(matrix: Tensor, like: Tensor) -> Tensor:
    """Undo as_matrix."""
    if like.ndim == 2:
        return matrix
    if like.shape[0] <= like.shape[1]:
        return matrix.view(like.shape)
    taps = like[0, 0].numel()
    return matrix.view(like.shape[0], taps, like.shape[1]).permute(0, 2, 1).reshape(like.shape)


class Muon(torch.optim.Optimizer):
    """Momentum whose matrix-shaped updates are orthogonalized.

    `lr` is about an update's singular values (more for tall matrices); 0.01 to 0.03 is usual.
    """

    def __init__(
        self, parameters: Iterable[nn.Parameter], lr: float, momentum: float = 0.95
    ) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One update of every parameter that has a gradient."""
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                state = self.state[weight]
                if "momentum" not in state:
                    state["momentum"] = torch.zeros_like(weight)
                state["momentum"].lerp_(weight.grad, 1 - group["momentum"])
                matrix = as_matrix(weight.grad.lerp(state["momentum"], group["momentum"]))
                scale = max(1.0, matrix.shape[0] / matrix.shape[1]) ** 0.5
                update = from_matrix(orthogonalized(matrix), weight)
                weight.add_(update, alpha=-group["lr"] * scale)


def split_parameters(module: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Trainable weights as (for Muon, for AdamW).

    Linear and convolution weights go to Muon; embeddings, kernels of at most 4 channels, gains and
    biases go to AdamW.
    """
    embeddings = {id(m.weight) for m in module.modules() if isinstance(m, nn.Embedding)}
    muon, adam = [], []
    for weight in module.parameters():
        if not weight.requires_grad:
            continue
        matrix = weight.ndim >= 2 and min(weight.shape[:2]) > 4 and id(weight) not in embeddings
        (muon if matrix else adam).append(weight)
    return muon, adam


def optimizers(module: nn.Module, muon_lr: float, adam_lr: float) -> list[torch.optim.Optimizer]:
    """Muon and AdamW over one module; `initial_lr` in each group is what a schedule multiplies."""
    muon, adam = split_parameters(module)
    made: list[torch.optim.Optimizer] = [
        Muon(muon, muon_lr),
        torch.optim.AdamW(adam, adam_lr, betas=(0.9, 0.98), weight_decay=0.0),
    ]
    for optimizer in made:
        for group in optimizer.param_groups:
            group["initial_lr"] = group["lr"]
    return made
