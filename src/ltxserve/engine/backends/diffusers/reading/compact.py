"""Weights that stay as small as files have them: which layers do, and what the others become.

Knows no names of any vendor; names here are diffusers'.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TypeAlias

import torch
from torch import Tensor, nn

from ltxserve.engine.backends.diffusers.reading.fp4 import BLOCK, NVFP4, Fp4Linear, in_order
from ltxserve.engine.backends.diffusers.reading.fp4 import unpacked as of_fp4
from ltxserve.engine.backends.diffusers.reading.fp8 import Fp8Linear
from ltxserve.engine.backends.diffusers.reading.int8 import (
    INT8,
    NOTE,
    Int8Linear,
    group_of,
    scale_of,
)
from ltxserve.engine.backends.diffusers.reading.int8 import unrounded as of_int8
from ltxserve.engine.backends.diffusers.reading.small import SmallLinear
from ltxserve.engine.backends.diffusers.reading.tensors import FP8, Entry, TensorFile, corrupt

SCALES = {
    "weight_scale": "weight_scale",
    "weight_scale_2": "weight_scale_2",
    "input_scale": "input_scale",
    "scale_weight": "weight_scale",
    "scale_input": "input_scale",
    NOTE: NOTE,
}
"""Last word of the name of a scale, or of a note on a layer, in files -> what it is."""
MARKS = ("scaled_fp8",)
"""Last words of what is no weight, but a note for other programs."""
_KEPT = "transformer_blocks."  # only there weights may stay small; norms, embeddings, ends do not

Place: TypeAlias = tuple[TensorFile, Entry]
Places: TypeAlias = dict[str, Place]


def keep_small(model: nn.Module, places: Places) -> dict[str, SmallLinear]:
    """The layers, by name, whose weights stay small; put in place of the model's own."""
    found: dict[str, SmallLinear] = {}
    for name, module in list(model.named_modules()):
        place = places.get(f"{name}.weight")
        if place is None or not name.startswith(_KEPT) or not isinstance(module, nn.Linear):
            continue
        small = _small(module, place[1])
        if small is not None:
            found[name] = small
            parent, _, last = name.rpartition(".")
            setattr(model.get_submodule(parent), last, small)
    return found


def take_scales(
    layers: Mapping[str, SmallLinear], places: Places, scales: Places, device: torch.device
) -> None:
    """Give each layer its scales. Raises ModelUnavailable `weights_corrupt`."""
    for name, layer in layers.items():
        place = places[f"{name}.weight"]
        with _fitting(place):
            layer.take_scales(_beside(name, place, scales), device)


def made_large(tensor: Tensor, name: str, place: Place, scales: Places) -> Tensor:
    """A tensor as it is meant: multiplied with its scales, where it has any."""
    entry = place[1]
    found = _beside(name.removesuffix(".weight"), place, scales)
    if entry.packed == NVFP4:
        rows, columns = entry.shape
        with _fitting(place):
            blocks = in_order(found["weight_scale"], rows, columns // BLOCK)
        return of_fp4(tensor, blocks, found["weight_scale_2"], torch.float32)
    if entry.packed == INT8:
        rows, columns = entry.shape
        with _fitting(place):
            scale = scale_of(found.get("weight_scale"), rows)
            group = group_of(found.get(NOTE), columns)
        return of_int8(tensor, scale, group, torch.float32)
    if entry.packed:
        from ltxserve.engine.backends.diffusers.reading.ggufs import large as of_gguf

        return of_gguf(tensor, entry.packed, torch.float32)
    if tensor.dtype not in FP8:
        return tensor
    large = tensor.float()
    if "weight_scale" not in found:
        return large
    by = found["weight_scale"].float()
    return large * (by.reshape(-1, *[1] * (large.ndim - 1)) if by.numel() > 1 else by)


def _small(linear: nn.Linear, entry: Entry) -> SmallLinear | None:
    if entry.packed == NVFP4:
        return Fp4Linear.of(linear)
    if entry.packed == INT8:
        return Int8Linear.of(linear)
    if entry.packed:
        from ltxserve.engine.backends.diffusers.reading.ggufs import GgufLinear

        return GgufLinear.of(linear, entry.packed)
    return Fp8Linear.of(linear, entry.dtype) if entry.dtype in FP8 else None


def _beside(layer: str, place: Place, scales: Places) -> dict[str, Tensor]:
    """A layer's scales, and ComfyUI's note on it: a tensor, or a word in the file's metadata."""
    names = {which: f"{layer}.{which}" for which in SCALES.values()}
    found = {which: _read(scales[name]) for which, name in names.items() if name in scales}
    file, entry = place
    told = file.notes.get(entry.name.removesuffix(".weight"))
    if told is not None and NOTE not in found:
        found[NOTE] = torch.tensor([*json.dumps(told).encode()], dtype=torch.uint8)
    return found


@contextmanager
def _fitting(place: Place) -> Iterator[None]:
    """Inside, scales that do not fit become ModelUnavailable `weights_corrupt`."""
    try:
        yield
    except ValueError as error:
        file, entry = place
        raise corrupt(file.path, f"the scales of {entry.name} do not fit: {error}") from None


def _read(place: Place) -> Tensor:
    file, entry = place
    return next(tensor for _, tensor in file.read([entry.name]))
