"""Linear layers whose weights stay in nvfp4, four bits and a scale for every sixteen of them.

The format is NVIDIA's, as ltx-kernels documents it: e2m1 numbers, two a byte; e4m3 scales of blocks
of sixteen, in the order of tiles in which cuBLAS wants them; a float32 scale of the whole. A weight
is number * block's scale * whole scale. Nothing is multiplied in four bits here.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F  # noqa: N812 - as everybody calls it
from torch import Tensor, nn

from ltxserve.engine.backends.diffusers.reading.small import SmallLinear, in_parts

NVFP4 = "nvfp4"
"""What entries of files are called whose numbers are stored so."""
BLOCK = 16
_MAGNITUDES = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)
_NUMBERS = (*_MAGNITUDES, *(-value for value in _MAGNITUDES))
_PAIRS = [[_NUMBERS[byte >> 4], _NUMBERS[byte & 15]] for byte in range(256)]
"""What each byte holds: the number of even place is in its upper half."""
_ROWS, _COLUMNS = 128, 4  # of a tile of scales
_INNER = 32


def unpacked(weight: Tensor, scales: Tensor, scale: Tensor, dtype: torch.dtype) -> Tensor:
    """Weights (out, in) as they are meant.

    weight: bytes (out, in / 2). scales: (out, in / 16), in the order of the blocks. scale: one.
    """
    pairs = torch.tensor(_PAIRS, device=weight.device)
    made = torch.empty(len(weight), weight.shape[1] * 2, dtype=dtype, device=weight.device)

    def some(rows: slice) -> Tensor:
        numbers = F.embedding(weight[rows].int(), pairs).reshape(*scales[rows].shape, BLOCK)
        return (numbers * (scales[rows].float() * scale.float()).unsqueeze(-1)).flatten(1)

    return in_parts(made, some)


def in_order(tiled: Tensor, rows: int, columns: int) -> Tensor:
    """Scales (rows, columns) in the order of the blocks, out of tiles of 128 x 4.

    Within a tile, scales lie by row mod 32, then by row / 32, then by column. Raises ValueError
    where there are not as many as whole tiles have.
    """
    high, wide = -(-rows // _ROWS), -(-columns // _COLUMNS)
    if tiled.numel() != high * wide * _ROWS * _COLUMNS:
        raise ValueError(f"{tiled.numel()} scales for {rows} x {columns} blocks")
    tiles = tiled.reshape(high, wide, _INNER, _ROWS // _INNER, _COLUMNS)
    whole = tiles.permute(0, 3, 2, 1, 4).reshape(high * _ROWS, wide * _COLUMNS)
    return whole[:rows, :columns].contiguous()


class Fp4Linear(SmallLinear):
    """A linear layer with nvfp4 weights: little more than a quarter of bfloat16's memory.

    weight: bytes (out, in / 2), as stored. block_scale: (out, in / 16). scale: of all.
    """

    block_scale: Tensor
    scale: Tensor

    @classmethod
    def of(cls, linear: nn.Linear) -> Fp4Linear:
        """An empty layer in place of another one of the same size."""
        made = cls.holding(linear, linear.in_features // 2, torch.uint8)
        made.register_buffer("block_scale", torch.zeros(()))
        made.register_buffer("scale", torch.zeros(()))
        return made

    def take_scales(self, found: Mapping[str, Tensor], device: torch.device) -> None:
        """Take the scales of a file: `weight_scale` and `weight_scale_2`. Raises ValueError."""
        tiled = found["weight_scale"]
        if found["weight_scale_2"].numel() != 1:
            raise ValueError(f"{found['weight_scale_2'].numel()} numbers for all weights")
        self.block_scale = in_order(tiled, self.out_features, self.in_features // BLOCK).to(device)
        self.scale = found["weight_scale_2"].float().reshape(()).to(device)

    def large_weight(self, dtype: torch.dtype) -> Tensor:
        """The weights as they are meant, (out, in)."""
        return unpacked(self.weight, self.block_scale, self.scale, dtype)
