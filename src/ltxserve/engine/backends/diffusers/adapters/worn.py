"""Adds adapters beside a model's weights while it runs: nothing is merged, nothing stays behind.

Each layer's output gets `up` of `down` of its input added, whatever form its weights have: fp8
ones stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - as everybody calls it
from torch import Tensor, nn

from ltxserve.engine.backends.diffusers.adapters.file import Adapter, Delta
from ltxserve.engine.backends.diffusers.adapters.layers import Place
from ltxserve.engine.backends.diffusers.reading.tensors import FP8


@dataclass(frozen=True, eq=False)
class Use:
    """An adapter and how strongly it acts; 0 = not at all."""

    adapter: Adapter
    strength: float


@contextmanager
def wearing(parts: Mapping[str, Any], uses: Sequence[Use], device: torch.device) -> Iterator[None]:
    """Inside, the parts act as if the adapters were merged into them; outside, as before.

    parts: by their names in the pipeline; they hold every layer of the adapters.
    """
    by_layer: dict[Place, list[tuple[Delta, float]]] = {}
    for use in uses:
        for place, delta in use.adapter.deltas.items() if use.strength else ():
            by_layer.setdefault(place, []).append((delta, use.strength * delta.scale))
    kinds = {name: arithmetic(parts[name]) for name in {place.part for place in by_layer}}
    with ExitStack() as hooks:
        for place, deltas in by_layer.items():
            layer: nn.Module = parts[place.part].get_submodule(place.name)
            kind = kinds[place.part]
            added = Added(tuple(Low.of(delta, by, device, kind) for delta, by in deltas))
            hooks.callback(layer.register_forward_hook(added).remove)
        yield


def worn_bytes(uses: Sequence[Use]) -> int:
    """Bytes of adapters that are worn together, as their files have them."""
    return sum(use.adapter.bytes for use in uses if use.strength)


def arithmetic(part: nn.Module) -> torch.dtype:
    """What a part computes in: the type of its weights, but for those that are only kept in fp8."""
    kinds = (weights.dtype for weights in part.parameters())
    return next((kind for kind in kinds if kind not in FP8), torch.bfloat16)


@dataclass(frozen=True, eq=False)
class Low:
    """A pair on the device: down (rank, in), up (out, rank)."""

    down: Tensor
    up: Tensor
    scale: float

    @classmethod
    def of(cls, delta: Delta, scale: float, device: torch.device, kind: torch.dtype) -> Low:
        """A delta where, and in the arithmetic in which, its layer computes."""
        return cls(delta.down.to(device, kind), delta.up.to(device, kind), scale)


@dataclass(frozen=True, eq=False)
class Added:
    """A hook on a linear layer."""

    pairs: tuple[Low, ...]

    def __call__(self, layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        """The layer's output (..., out) with what the adapters add to it."""
        del layer
        flat, given = output.flatten(0, -2), inputs[0].flatten(0, -2)
        for pair in self.pairs:
            middle = F.linear(given.to(pair.down.dtype), pair.down).to(flat.dtype)
            flat = torch.addmm(flat, middle, pair.up.t().to(flat.dtype), alpha=pair.scale)
        return flat.view(output.shape)
