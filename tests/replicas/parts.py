"""Replicas of the files that came with LTX-2.5 beside its checkpoint: the duration head."""

from __future__ import annotations

import json

import torch
from torch import Tensor

from tests.replicas.build import Replica, random_tensor, shapes_of
from tests.replicas.configs import FULL, SMALL, Config

HEADS = (
    Config("ltx-2.5-duration-head", {"transformer": dict(FULL)}),
    Config("ltx-2.5-duration-head-small", {"transformer": dict(SMALL)}),
)
PARTS = {config.name: config for config in HEADS}


def head_shapes(config: Config) -> dict[str, list[int]]:
    """A duration head, from ltx-core's own class; it stores the projections as one matrix."""
    place = "ltx_core.duration_head.model_configurator:DurationHeadConfigurator"
    from tests.replicas.record import built, collapsed

    return collapsed(built(place, {"config": config.metadata}), "duration_head.")


def part(name: str, dtype: torch.dtype = torch.bfloat16, seed: int = 0) -> Replica:
    """A file with random weights, by its name in `PARTS`."""
    config = PARTS[name]
    generator = torch.Generator().manual_seed(seed)
    shapes = shapes_of(config)
    tensors = {n: random_tensor(n, s, generator).to(dtype) for n, s in shapes.items()}
    return Replica(tensors, {"config": json.dumps(config.metadata)})


def with_seconds(head: Replica, seconds: float) -> Replica:
    """A duration head that says so many seconds, whatever the prompt."""
    tensors: dict[str, Tensor] = dict(head.tensors)
    last = "duration_head.mlp_out"
    tensors[f"{last}.weight"] = torch.zeros_like(tensors[f"{last}.weight"])
    tensors[f"{last}.bias"] = torch.full_like(tensors[f"{last}.bias"], seconds).float().log()
    return Replica(tensors, head.metadata)
