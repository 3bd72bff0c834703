"""Replicas of adapters: the vendor's names and shapes, at a low rank, as programs write them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor

from ltxserve.catalog import load_catalog
from tests.replicas.build import MODEL, Replica

RANK = 4
PROJECTION = "text_embedding_projection."
CAMERA = ("attn1.", "attn2.", "ff.net.")
"""What the trainer's configurations for pictures change in every block."""
Named = Callable[[str, str], str]


def official(layer: str, half: str) -> str:
    """As Lightricks' trainer and published files have it."""
    return f"diffusion_model.{layer}.lora_{half}.weight"


def comfy(layer: str, half: str) -> str:
    """With the older names of the halves."""
    return f"diffusion_model.{layer}.lora_{'down' if half == 'A' else 'up'}.weight"


def kohya(layer: str, half: str) -> str:
    """With flat names."""
    return f"lora_unet_{layer.replace('.', '_')}.lora_{'down' if half == 'A' else 'up'}.weight"


def layers(whole: Replica, *starts: str) -> dict[str, tuple[int, int]]:
    """Linear layers of a checkpoint by the vendor's names without its prefix: (out, in).

    starts: of the names of what is in a block; none = every layer of transformer and connectors.
    """
    found: dict[str, tuple[int, int]] = {}
    for name, tensor in whole.tensors.items():
        if not name.startswith((MODEL, PROJECTION)) or not name.endswith(".weight"):
            continue
        layer = name.removeprefix(MODEL).removesuffix(".weight")
        inner = layer.split(".", 2)[-1] if layer.startswith("transformer_blocks.") else ""
        if tensor.ndim == 2 and (not starts or inner.startswith(starts)):
            found[layer] = (tensor.shape[0], tensor.shape[1])
    return found


def adapter(
    shapes: Mapping[str, tuple[int, int]],
    named: Named = official,
    alpha: float | None = None,
    seed: int = 0,
) -> Replica:
    """Random pairs for these layers, in bfloat16; alpha: a tensor of it for each."""
    generator = torch.Generator().manual_seed(seed)
    tensors: dict[str, Tensor] = {}
    for layer, (large, small) in shapes.items():
        down = torch.randn(RANK, small, generator=generator) / small**0.5
        up = torch.randn(large, RANK, generator=generator) * 0.2
        tensors[named(layer, "A")] = down.to(torch.bfloat16)
        tensors[named(layer, "B")] = up.to(torch.bfloat16)
        if alpha is not None:
            root = named(layer, "A").rpartition(".lora_")[0]
            tensors[f"{root}.alpha"] = torch.tensor(alpha)
    return Replica(tensors, {})


def merged(whole: Replica, change: Replica, strength: float) -> Replica:
    """A checkpoint with an adapter of official names merged into it by hand, in float32."""
    tensors = {name: tensor.float() for name, tensor in whole.tensors.items()}
    for name, down in change.tensors.items():
        if not name.endswith(".lora_A.weight"):
            continue
        up = change.tensors[name.replace(".lora_A.", ".lora_B.")]
        layer = name.removeprefix("diffusion_model.").removesuffix(".lora_A.weight")
        place = layer if layer.startswith(PROJECTION) else MODEL + layer
        tensors[f"{place}.weight"] += strength * up.float() @ down.float()
    return Replica(tensors, whole.metadata)


def low_rank(path: Path, seed: int = 0, size: float = 0.3) -> str:
    """A file with an adapter of the built-in model's self-attention, for a request."""
    row = load_catalog().model("tiny")
    width = row.architecture.width
    generator = torch.Generator().manual_seed(seed)
    tensors: dict[str, Tensor] = {}
    for block in range(row.architecture.layers):
        for layer in ("to_q", "to_v", "to_out.0"):
            name = f"transformer_blocks.{block}.attn1.{layer}"
            down = torch.randn(RANK, width, generator=generator) / width**0.5
            tensors[official(name, "A")] = down
            tensors[official(name, "B")] = torch.randn(width, RANK, generator=generator) * size
    return str(Replica(tensors, {}).save(path))
