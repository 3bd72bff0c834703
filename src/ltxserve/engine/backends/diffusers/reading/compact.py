"""Weights that stay as small as files have them: which layers do, and what the others become.

Knows no names of any vendor; names here are diffusers'.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import torch
from torch import Tensor, nn

from ltxserve.engine.backends.diffusers.reading.fp4 import BLOCK, NVFP4, Fp4Linear, in_order
from ltxserve.engine.backends.diffusers.reading.fp4 import unpacked as of_fp4
from ltxserve.engine.backends.diffusers.reading.fp8 import Fp8Linear
from ltxserve.engine.backends.diffusers.reading.small import SmallLinear
from ltxserve.engine.backends.diffusers.reading.tensors import FP8, Entry, TensorFile, corrupt

SCALES = {
    "weight_scale": "weight_scale",
    "weight_scale_2": "weight_scale_2",
    "input_scale": "input_scale",
    "scale_weight": "weight_scale",
    "scale_input": "input_scale",
}
"""Last word of a scale's name in files -> what it is."""
MARKS = ("scaled_fp8", "comfy_quant")
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


def take_scales(layers: Mapping[str, SmallLinear], scales: Places, device: torch.device) -> None:
    """Give each layer its scales. Raises ModelUnavailable `weights_corrupt`."""
    for name, layer in layers.items():
        own = _own(name, scales)
        try:
            layer.take_scales({which: _read(place) for which, place in own.items()}, device)
        except ValueError as error:
            file, entry = next(iter(own.values()))
            raise corrupt(file.path, f"the scales of {entry.name} do not fit: {error}") from None


def made_large(tensor: Tensor, name: str, place: Place, scales: Places) -> Tensor:
    """A tensor as it is meant: multiplied with its scales, where it has any."""
    file, entry = place
    own = _own(name.removesuffix(".weight"), scales)
    if entry.packed == NVFP4:
        rows, columns = entry.shape
        try:
            blocks = in_order(_read(own["weight_scale"]), rows, columns // BLOCK)
        except ValueError as error:
            raise corrupt(file.path, f"the scales of {entry.name} do not fit: {error}") from None
        return of_fp4(tensor, blocks, _read(own["weight_scale_2"]), torch.float32)
    if entry.packed:
        from ltxserve.engine.backends.diffusers.reading.ggufs import large as of_gguf

        return of_gguf(tensor, entry.packed, torch.float32)
    if tensor.dtype not in FP8:
        return tensor
    large = tensor.float()
    if "weight_scale" not in own:
        return large
    by = _read(own["weight_scale"]).float()
    return large * (by.reshape(-1, *[1] * (large.ndim - 1)) if by.numel() > 1 else by)


def _small(linear: nn.Linear, entry: Entry) -> SmallLinear | None:
    if entry.packed == NVFP4:
        return Fp4Linear.of(linear)
    if entry.packed:
        from ltxserve.engine.backends.diffusers.reading.ggufs import GgufLinear

        return GgufLinear.of(linear, entry.packed)
    return Fp8Linear.of(linear, entry.dtype) if entry.dtype in FP8 else None


def _own(layer: str, scales: Places) -> dict[str, Place]:
    names = {which: f"{layer}.{which}" for which in SCALES.values()}
    return {which: scales[name] for which, name in names.items() if name in scales}


def _read(place: Place) -> Tensor:
    file, entry = place
    return next(tensor for _, tensor in file.read([entry.name]))
