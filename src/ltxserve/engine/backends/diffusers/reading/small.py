"""Linear layers whose weights stay as small as a file has them; knows none of the formats."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Self

import torch
import torch.nn.functional as F  # noqa: N812 - as everybody calls it
from torch import Tensor, nn

AT_ONCE = 2**24
"""Weights that are made large in one go: what that needs besides them stays small."""


def in_parts(into: Tensor, part: Callable[[slice], Tensor], at_once: int = AT_ONCE) -> Tensor:
    """Fill a matrix, some rows after the others; part: what comes into these."""
    step = max(1, at_once // into.shape[1])
    for start in range(0, len(into), step):
        rows = slice(start, start + step)
        into[rows] = part(rows)
    return into


class SmallLinear(nn.Linear):
    """A linear layer whose weights are made large for each call, on any device.

    weight: as stored, a row for each output.
    """

    @classmethod
    def holding(cls, linear: nn.Linear, row: int, kind: torch.dtype) -> Self:
        """An empty layer in place of another one, whose rows are `row` numbers of this kind."""
        made = cls(linear.in_features, linear.out_features, linear.bias is not None, device="meta")
        stored = torch.empty(made.out_features, row, dtype=kind, device="meta")
        made.weight = nn.Parameter(stored, requires_grad=False)
        return made

    def take_scales(self, found: Mapping[str, Tensor], device: torch.device) -> None:
        """Take the scales that a file has beside the weights. Raises ValueError."""
        raise NotImplementedError

    def large_weight(self, dtype: torch.dtype) -> Tensor:
        """The weights as they are meant, (out, in)."""
        raise NotImplementedError

    def forward(self, input: Tensor) -> Tensor:
        """As nn.Linear's."""
        bias = None if self.bias is None else self.bias.to(input.dtype)
        return F.linear(input, self.large_weight(input.dtype), bias)
