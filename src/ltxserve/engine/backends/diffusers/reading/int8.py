"""Linear layers whose weights stay in ComfyUI's int8: a byte each, a scale for every output.

Weights may have been rotated before they were rounded (ConvRot, arXiv 2512.03673): inputs in groups
of 4, 16, 64 or 256 by a regular Hadamard matrix, which is its own inverse. A note beside each layer
says so. Nothing is multiplied in int8 here.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ltxserve.engine.backends.diffusers.reading.small import SmallLinear, in_parts

INT8 = "int8"
"""What entries of files are called whose numbers are stored so."""
NOTE = "comfy_quant"
"""The name, beside a weight, of JSON as bytes."""
_FORMAT = "int8_tensorwise"
_GROUPS = (4, 16, 64, 256, 1024)
_FOUR = ((1.0, 1.0, 1.0, -1.0), (1.0, 1.0, -1.0, 1.0), (1.0, -1.0, 1.0, 1.0), (-1.0, 1.0, 1.0, 1.0))


def unrounded(weight: Tensor, scale: Tensor, group: int, dtype: torch.dtype) -> Tensor:
    """Weights (out, in) as they are meant.

    weight: bytes (out, in). scale: (out, 1). group: inputs that were rotated together, 0 = none.
    """
    made = torch.empty(weight.shape, dtype=dtype, device=weight.device)

    def some(rows: slice) -> Tensor:
        numbers = weight[rows].view(torch.int8).float() * scale[rows]
        if not group:
            return numbers
        return (numbers.unflatten(1, (-1, group)) @ rotation(group, weight.device)).flatten(1)

    return in_parts(made, some)


@functools.lru_cache(maxsize=8)
def rotation(size: int, device: torch.device) -> Tensor:
    """The regular Hadamard matrix of a power of four, normalised: (size, size), symmetric."""
    four = torch.tensor(_FOUR, device=device)
    made = four
    while len(made) < size:
        made = torch.kron(made, four)
    return made / size**0.5


def group_of(note: Tensor | None, inputs: int) -> int:
    """How many inputs were rotated together, by a layer's note; 0 = none. Raises ValueError."""
    if note is None:
        return 0
    told: Any = json.loads(bytes(note.to(torch.uint8).tolist()))
    if not isinstance(told, dict) or told.get("format") != _FORMAT:
        raise ValueError("they are noted to be no int8")
    if not told.get("convrot"):
        return 0
    group = told.get("convrot_groupsize", 256)
    if group not in _GROUPS or inputs % group:
        raise ValueError(f"{inputs} inputs in groups of {group}")
    return group


def scale_of(scale: Tensor | None, outputs: int) -> Tensor:
    """The scale of each output, (out, 1). Raises ValueError."""
    count = 0 if scale is None else scale.numel()
    if scale is None or count not in (1, outputs):
        raise ValueError(f"{count} numbers for {outputs} outputs")
    return scale.float().reshape(-1, 1).expand(outputs, 1).contiguous()


class Int8Linear(SmallLinear):
    """A linear layer with int8 weights: half of bfloat16's memory.

    weight: bytes (out, in), as stored. weight_scale: (out, 1). group: see `unrounded`.
    """

    weight_scale: Tensor
    group: int = 0

    @classmethod
    def of(cls, linear: nn.Linear) -> Int8Linear:
        """An empty layer in place of another one of the same size."""
        made = cls.holding(linear, linear.in_features, torch.uint8)
        made.register_buffer("weight_scale", torch.ones(()))
        return made

    def take_scales(self, found: Mapping[str, Tensor], device: torch.device) -> None:
        """Take the scales of a file, and its note. Raises ValueError."""
        self.weight_scale = scale_of(found.get("weight_scale"), self.out_features).to(device)
        self.group = group_of(found.get(NOTE), self.in_features)

    def large_weight(self, dtype: torch.dtype) -> Tensor:
        """The weights as they are meant, (out, in)."""
        return unrounded(self.weight, self.weight_scale, self.group, dtype)
