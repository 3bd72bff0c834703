"""Checkpoints in nvfp4, made and read by numpy alone, after NVIDIA's definition of the format.

e2m1: sign, two bits of exponent, one of mantissa. e4m3: sign, four, three. The number of even place
is in a byte's upper half; scales of blocks lie in cuBLAS' tiles of 128 x 4.
"""

from __future__ import annotations

import re
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tests.replicas.build import MODEL, Replica

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]
BLOCK = 16
_LAYERS = re.compile(r"transformer_blocks\.\d+\..*(attn|ff).*\.weight$")
_LEFT = ("to_gate_logits", "blocks.0.")
"""Of what the vendor's files leave large: gates, and the blocks at the ends."""


def small_float(bits: int, exponent: int, mantissa: int) -> float:
    """What the bits mean, the sign left out; exponents are biased by half their range."""
    bias = 2 ** (exponent - 1) - 1
    power, rest = bits >> mantissa, bits & (2**mantissa - 1)
    if power == 0:
        return rest / 2**mantissa * 2.0 ** (1 - bias)
    return (1 + rest / 2**mantissa) * 2.0 ** (power - bias)


E2M1: Floats = np.array([small_float(bits, 2, 1) for bits in range(8)], np.float32)
E4M3: Floats = np.array([small_float(bits, 4, 3) for bits in range(127)], np.float32)


def _nearest(values: Floats, table: Floats) -> Bytes:
    middles = (table[1:] + table[:-1]) / 2
    return np.searchsorted(middles, values).astype(np.uint8)


def place_of(row: int, column: int, columns: int) -> int:
    """Where a scale lies among the tiles."""
    tile = row // 128 * (-(-columns // 4)) + column // 4
    return tile * 512 + row % 32 * 16 + row % 128 // 32 * 4 + column % 4


def encode(weight: Floats) -> tuple[Bytes, Bytes, np.float32]:
    """Bytes, scales of blocks (as bytes, tiled) and the whole scale of a matrix."""
    rows, inputs = weight.shape
    columns = inputs // BLOCK
    whole = np.float32(np.abs(weight).max() / (448 * 6))
    blocks = weight.reshape(rows, columns, BLOCK)
    scales = _nearest(np.minimum(np.abs(blocks).max(-1) / 6 / whole, 448), E4M3)
    shares = blocks / np.maximum(E4M3[scales] * whole, 1e-30)[..., None]
    halves = _nearest(np.abs(shares), E2M1) | (np.signbit(shares).astype(np.uint8) << 3)
    halves = halves.reshape(rows, inputs)
    tiled = np.zeros((-(-rows // 128) * 128, -(-columns // 4) * 4), np.uint8)
    flat = tiled.reshape(-1)
    for row, column in product(range(rows), range(columns)):
        flat[place_of(row, column, columns)] = scales[row, column]
    packed = (halves[:, 0::2] << 4 | halves[:, 1::2]).astype(np.uint8)
    return packed, tiled, whole


def decode(packed: Bytes, tiled: Bytes, whole: np.float32) -> Floats:
    """The matrix that they stand for."""
    rows, inputs = packed.shape[0], packed.shape[1] * 2
    columns, flat = inputs // BLOCK, tiled.reshape(-1)
    made = np.zeros((rows, inputs), np.float32)
    for row in range(rows):
        places = [place_of(row, column, columns) for column in range(columns)]
        scale = np.repeat(E4M3[flat[places]] * whole, BLOCK)
        halves = np.stack([packed[row] >> 4, packed[row] & 15], -1).reshape(-1)
        sign = np.where(halves & 8, np.float32(-1), np.float32(1))
        made[row] = sign * E2M1[halves & 7] * scale
    return made


def shrinks(name: str, tensor: Tensor) -> bool:
    """Whether the vendor's smaller files have this one small: matrices of the inner blocks."""
    inside = name.startswith(MODEL) and tensor.ndim == 2 and _LAYERS.search(name)
    return bool(inside) and not any(word in name for word in _LEFT)


def nvfp4(whole: Replica, marked: bool = False) -> Replica:
    """A checkpoint with the layers of its blocks in nvfp4. marked: with ComfyUI's notes."""
    tensors: dict[str, Tensor] = {}
    for name, tensor in whole.tensors.items():
        if not shrinks(name, tensor):
            tensors[name] = tensor
            continue
        packed, tiled, scale = encode(tensor.float().numpy())
        tensors[name] = torch.from_numpy(packed)
        tensors[f"{name}_scale"] = torch.from_numpy(tiled).view(torch.float8_e4m3fn)
        tensors[f"{name}_scale_2"] = torch.tensor(scale)
        layer = name.removesuffix(".weight")
        tensors[f"{layer}.input_scale"] = torch.tensor(0.1)
        if marked:
            note = b'{"format": "nvfp4"}'
            tensors[f"{layer}.comfy_quant"] = torch.tensor(list(note), dtype=torch.uint8)
    return Replica(tensors, whole.metadata)


def meant(small: Replica) -> dict[str, Tensor]:
    """The tensors that a checkpoint in nvfp4 stands for, in float32."""
    tensors = {n: t.float() for n, t in small.tensors.items() if t.dtype != torch.uint8}
    for name, packed in small.tensors.items():
        if packed.dtype != torch.uint8 or not name.endswith(".weight"):
            continue
        tiled, whole = (tensors.pop(f"{name}_{word}") for word in ("scale", "scale_2"))
        tensors.pop(f"{name.removesuffix('.weight')}.input_scale")
        as_bytes = tiled.to(torch.float8_e4m3fn).view(torch.uint8)
        made = decode(packed.numpy(), as_bytes.numpy(), np.float32(whole))
        tensors[name] = torch.from_numpy(made)
    return tensors
