"""GGUF files of transformers, as converters for ComfyUI write them: small matrices."""

from __future__ import annotations

import re
from pathlib import Path

import gguf
import numpy as np
import torch
from gguf.quants import quantize
from torch import Tensor

from tests.replicas.build import MODEL, Replica

Kind = gguf.GGMLQuantizationType
_BLOCKS = re.compile(r"transformer_(1d_)?blocks\.")
"""Of the transformer, and of the connectors where they lie in the same file."""


def of_kind(name: str, tensor: Tensor, kind: Kind) -> Kind:
    """What a tensor is stored as: matrices of blocks small, other ones in bf16, the rest large."""
    if tensor.ndim != 2 or "scale_shift_table" in name:
        return Kind.F32
    return kind if _BLOCKS.search(name) else Kind.BF16


def write_gguf(made: Replica, path: Path, kind: Kind = Kind.Q8_0, prefix: str = "") -> Path:
    """The transformer of a checkpoint as a GGUF file, with the vendor's configuration."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(path, "ltxv")
    writer.add_string("config", made.metadata["config"])
    for name, tensor in made.part(MODEL).tensors.items():
        own = of_kind(name, tensor, kind)
        numbers = tensor.float().numpy()
        data = numbers if own == Kind.F32 else quantize(numbers, own)
        writer.add_tensor(
            prefix + name.removeprefix(MODEL), np.ascontiguousarray(data), raw_dtype=own
        )
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def meant(made: Replica, kind: Kind = Kind.Q8_0) -> Replica:
    """The checkpoint of the numbers that such a file stands for, as `gguf` itself reads them."""
    tensors = dict(made.tensors)
    for name, tensor in made.part(MODEL).tensors.items():
        own = of_kind(name, tensor, kind)
        if own != Kind.F32:
            numbers = gguf.quants.dequantize(quantize(tensor.float().numpy(), own), own)
            tensors[name] = torch.from_numpy(numbers.astype(np.float32))
    return Replica(tensors, made.metadata)
