"""Muon: orthogonal updates, kernels as matrices and back, and that it goes downhill."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ltxserve.training.tiny.muon import (
    Muon,
    as_matrix,
    from_matrix,
    optimizers,
    orthogonalized,
    split_parameters,
)

SHAPES = [
    (8, 8),
    (6, 16),
    (16, 6),
    (8, 5, 3),
    (5, 8, 3),
    (8, 6, 3, 3),
    (6, 24, 3, 1),
    (32, 8, 3, 3, 3),
    (8, 32, 3, 3, 3),
    (7, 7, 1, 1, 1),
]


def drawn(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


@pytest.mark.parametrize("shape", [(16, 16), (16, 64), (64, 16), (5, 200)])
@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e4])
def test_singular_values_end_near_one(shape: tuple[int, int], scale: float) -> None:
    made = orthogonalized(drawn(*shape) * scale)
    values = torch.linalg.svdvals(made)
    assert made.shape == shape
    assert made.dtype == torch.float32
    assert values.max() < 1.3
    assert values.median() > 0.6


def test_directions_are_kept() -> None:
    left, _, right = torch.linalg.svd(drawn(12, 30), full_matrices=False)
    made = orthogonalized(left @ torch.diag(torch.linspace(0.5, 3, 12)) @ right)
    assert torch.nn.functional.cosine_similarity(made.flatten(), (left @ right).flatten(), 0) > 0.95


def test_nothing_stays_nothing() -> None:
    assert not orthogonalized(torch.zeros(4, 6)).any()


@pytest.mark.parametrize("shape", SHAPES)
def test_kernels_are_matrices_and_back(shape: tuple[int, ...]) -> None:
    weight = drawn(*shape)
    matrix = as_matrix(weight)
    assert matrix.ndim == 2
    assert min(matrix.shape) == min(shape[:2]), "the smaller Gram matrix"
    assert torch.equal(from_matrix(matrix, weight), weight)


@pytest.mark.parametrize("shape", SHAPES)
def test_orthogonalized_kernels_take_their_shape_again(shape: tuple[int, ...]) -> None:
    weight = drawn(*shape)
    made = from_matrix(orthogonalized(as_matrix(weight)), weight)
    assert made.shape == shape
    assert (made * weight).sum() > 0


@pytest.mark.parametrize("shape", [(12, 8), (8, 12), (8, 5, 3), (8, 6, 3, 3)])
def test_it_goes_down_a_quadratic(shape: tuple[int, ...]) -> None:
    target, weight = 0.3 * drawn(*shape), nn.Parameter(torch.zeros(shape))
    muon = Muon([weight], lr=0.05)
    losses = []
    for step in range(120):
        muon.param_groups[0]["lr"] = 0.05 * (1 - step / 120)
        muon.zero_grad()
        loss = (weight - target).square().mean()
        loss.backward()
        muon.step()
        losses.append(loss.item())
    assert losses[-1] < 0.01 * losses[0]


def test_parameters_without_a_gradient_are_left_alone() -> None:
    used, idle = nn.Parameter(torch.ones(8, 8)), nn.Parameter(torch.ones(8, 8))
    used.grad = drawn(8, 8)
    Muon([used, idle], lr=0.1).step()
    assert torch.equal(idle, torch.ones(8, 8))
    assert not torch.equal(used, torch.ones(8, 8))


def test_momentum_is_part_of_the_state() -> None:
    gradients = [drawn(8, 8), drawn(8, 8).flip(0), drawn(8, 8).flip(1)]

    def walked(break_after: int) -> torch.Tensor:
        weight = nn.Parameter(torch.zeros(8, 8))
        muon = Muon([weight], lr=0.1)
        for number, gradient in enumerate(gradients):
            if number == break_after:
                state = muon.state_dict()
                muon = Muon([weight], lr=0.1)
                muon.load_state_dict(state)
            weight.grad = gradient
            muon.step()
        return weight.detach()

    assert torch.equal(walked(1), walked(99))


class Small(nn.Module):
    """One of each kind of layer."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(10, 8)
        self.linear = nn.Linear(8, 8)
        self.kernel = nn.Conv3d(8, 8, 3)
        self.from_pixels = nn.Conv2d(3, 8, 3)
        self.gain = nn.LayerNorm(8)
        self.frozen = nn.Linear(8, 8)
        self.frozen.requires_grad_(False)


def test_embeddings_gains_and_narrow_kernels_go_to_adamw() -> None:
    module = Small()
    muon, adam = split_parameters(module)
    names = {id(weight): name for name, weight in module.named_parameters()}
    assert {names[id(weight)] for weight in muon} == {"linear.weight", "kernel.weight"}
    assert {names[id(weight)] for weight in adam} == {
        "words.weight",
        "linear.bias",
        "kernel.bias",
        "from_pixels.weight",
        "from_pixels.bias",
        "gain.weight",
        "gain.bias",
    }


def test_both_optimizers_remember_their_first_rate() -> None:
    rates = [
        (group["lr"], group["initial_lr"])
        for optimizer in optimizers(Small(), 0.01, 0.001)
        for group in optimizer.param_groups
    ]
    assert rates == [(0.01, 0.01), (0.001, 0.001)]
