"""int8 layers: what they hold is what an independent reading of the format says."""

import json
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ltxserve.engine.backends.diffusers.reading.int8 import (
    Int8Linear,
    group_of,
    rotation,
    scale_of,
    unrounded,
)
from tests.replicas.int8 import decode, encode, hadamard, note

CPU = torch.device("cpu")


def noted(told: Any) -> Tensor:
    """A note as files have it."""
    return torch.tensor([*json.dumps(told).encode()], dtype=torch.uint8)


def layer(rows: int, columns: int, group: int) -> tuple[Int8Linear, Tensor, Tensor]:
    """A layer of random weights, what they are meant to be, and what they were."""
    chance = np.random.default_rng(0)
    weight = chance.normal(size=(rows, columns)).astype(np.float32)
    weight[:, 3] *= 30  # what rotation is for
    numbers, scale = encode(weight, group)
    made = Int8Linear.of(nn.Linear(columns, rows))
    made.weight = nn.Parameter(torch.from_numpy(numbers).view(torch.uint8), False)
    made.bias = nn.Parameter(torch.arange(rows).float(), False)
    beside = {"weight_scale": torch.from_numpy(scale), "comfy_quant": noted(note(group))}
    made.take_scales(beside, CPU)
    return made, torch.from_numpy(decode(numbers, scale, group)), torch.from_numpy(weight)


@pytest.mark.parametrize("size", [4, 16, 64, 256])
def test_the_rotation_is_a_regular_hadamard_matrix(size: int):
    made = rotation(size, CPU)
    assert torch.equal(made, torch.from_numpy(hadamard(size)))
    assert torch.allclose(made @ made, torch.eye(size), atol=1e-6)
    # Regular: every row has the same sum, so that no column gathers what others lose.
    assert torch.allclose(made.sum(1), torch.ones(size))


@pytest.mark.parametrize("group", [0, 4, 16, 64])
def test_weights_are_turned_back(group: int):
    made, wanted, original = layer(48, 128, group)
    assert torch.allclose(made.large_weight(torch.float32), wanted, atol=1e-5)
    assert made.large_weight(torch.bfloat16).dtype == torch.bfloat16
    error = (wanted - original).norm() / original.norm()
    assert error < (0.01 if group > 4 else 0.03)


def test_it_computes_as_its_large_weights_do():
    made, wanted, _ = layer(48, 128, 64)
    inputs = torch.randn(2, 5, 128)
    assert torch.allclose(made(inputs), nn.functional.linear(inputs, wanted, made.bias), atol=1e-3)
    assert made(inputs.to(torch.bfloat16)).dtype == torch.bfloat16


def test_one_scale_can_be_for_all():
    numbers = torch.tensor([[-128, 127], [0, 1]], dtype=torch.int8)
    scale = scale_of(torch.tensor(0.5), 2)
    made = unrounded(numbers.view(torch.uint8), scale, 0, torch.float32)
    assert made.tolist() == [[-64.0, 63.5], [0.0, 0.5]]


@pytest.mark.parametrize(
    "told",
    [
        {"format": "float8_e4m3fn"},
        ["int8_tensorwise"],
        {"format": "int8_tensorwise", "convrot": True, "convrot_groupsize": 32},
        {"format": "int8_tensorwise", "convrot": True, "convrot_groupsize": 256},
        {"format": "int8_tensorwise", "convrot": True, "convrot_groupsize": "64"},
    ],
)
def test_notes_that_cannot_be_are_refused(told: Any):
    with pytest.raises(ValueError):
        group_of(noted(told), 64)
    with pytest.raises(ValueError):
        group_of(torch.tensor([123], dtype=torch.uint8), 64)


def test_without_rotation_there_is_no_group():
    assert group_of(None, 64) == 0
    assert group_of(noted({"format": "int8_tensorwise"}), 64) == 0
    assert group_of(noted({"format": "int8_tensorwise", "convrot": True}), 512) == 256


def test_too_few_scales_are_refused():
    for scale in (None, torch.ones(3)):
        with pytest.raises(ValueError, match="outputs"):
            scale_of(scale, 4)
