"""Checkpoints in ComfyUI's int8, made and read by numpy alone, after ConvRot (arXiv 2512.03673).

Rows are rotated in groups by a regular Hadamard matrix, then rounded to -127..127 by their own
largest number.
"""

from __future__ import annotations

import json

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tests.replicas.build import Replica
from tests.replicas.fp4 import shrinks

Floats = NDArray[np.float32]
GROUPS = (256, 64, 16, 4)


def sign(row: int, column: int) -> int:
    """One number of a regular Hadamard matrix: -1 for each pair of base-4 digits that sum to 3."""
    signs = 1
    while row or column:
        signs *= -1 if row % 4 + column % 4 == 3 else 1
        row, column = row // 4, column // 4
    return signs


def hadamard(size: int) -> Floats:
    """The whole matrix, normalised, so that it is its own inverse."""
    table = [[sign(row, column) for column in range(size)] for row in range(size)]
    return np.array(table, np.float32) / np.float32(size**0.5)


def rotated(weight: Floats, group: int) -> Floats:
    """Rows in groups, each times the matrix, which undoes itself."""
    rows, inputs = weight.shape
    parts = weight.reshape(rows, inputs // group, group)
    return np.einsum("rgi,oi->rgo", parts, hadamard(group)).reshape(rows, inputs)


def group_for(inputs: int) -> int:
    """The largest group that divides the inputs; 0 where none does."""
    return next((group for group in GROUPS if inputs % group == 0), 0)


def encode(weight: Floats, group: int) -> tuple[NDArray[np.int8], Floats]:
    """Whole numbers, and the scale of each row."""
    turned = rotated(weight, group) if group else weight
    scale = np.maximum(np.abs(turned).max(1, keepdims=True) / 127, 1e-12).astype(np.float32)
    return np.round(turned / scale).astype(np.int8), scale


def decode(numbers: NDArray[np.int8], scale: Floats, group: int) -> Floats:
    """The matrix that they stand for."""
    turned = numbers.astype(np.float32) * scale
    return rotated(turned, group) if group else turned


def note(group: int) -> dict[str, object]:
    """What ComfyUI notes on a layer."""
    more = {"convrot": True, "convrot_groupsize": group} if group else {}
    return {"format": "int8_tensorwise", **more}


def int8(whole: Replica, in_metadata: bool = False) -> Replica:
    """A checkpoint with the layers of its blocks in int8; notes beside them, or in the metadata."""
    tensors: dict[str, Tensor] = {}
    notes: dict[str, object] = {}
    for name, tensor in whole.tensors.items():
        if not shrinks(name, tensor):
            tensors[name] = tensor
            continue
        layer, group = name.removesuffix(".weight"), group_for(tensor.shape[1])
        numbers, scale = encode(tensor.float().numpy(), group)
        tensors[name], tensors[f"{name}_scale"] = torch.from_numpy(numbers), torch.from_numpy(scale)
        notes[layer] = note(group)
        if not in_metadata:
            data = json.dumps(notes[layer]).encode()
            tensors[f"{layer}.comfy_quant"] = torch.tensor([*data], dtype=torch.uint8)
    layers = json.dumps({"format_version": "1.0", "layers": notes})
    told = {"_quantization_metadata": layers}
    return Replica(tensors, {**whole.metadata, **(told if in_metadata else {})})


def meant(small: Replica) -> dict[str, Tensor]:
    """The tensors that a checkpoint in int8 stands for, in float32."""
    found: dict[str, Tensor] = {}
    for name, tensor in small.tensors.items():
        if name.endswith((".weight_scale", ".comfy_quant")):
            continue
        found[name] = tensor.float()
        if tensor.dtype == torch.int8:
            scale = small.tensors[f"{name}_scale"].numpy()
            made = decode(tensor.numpy(), scale, group_for(tensor.shape[1]))
            found[name] = torch.from_numpy(made)
    return found
