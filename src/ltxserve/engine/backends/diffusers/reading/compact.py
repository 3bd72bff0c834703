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
    own = _own(name.removesuffix(".weight"), scales)
    if entry.packed == NVFP4:
        rows, columns = entry.shape
        with _fitting(place):
            blocks = in_order(_read(own["weight_scale"]), rows, columns // BLOCK)
            whole = _read(own["weight_scale_2"])
        return of_fp4(tensor, blocks, whole, torch.float32)
    if entry.packed == INT8:
        rows, columns = entry.shape
        with _fitting(place):
            scale = scale_of(_read(own["weight_scale"]), rows)
            group = group_of(_note(own, place), columns)
        return of_int8(tensor, scale, group, torch.float32)
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
    if entry.packed == INT8:
        return Int8Linear.of(linear)
    if entry.packed:
        from ltxserve.engine.backends.diffusers.reading.ggufs import GgufLinear

        return GgufLinear.of(linear, entry.packed)
    return Fp8Linear.of(linear, entry.dtype) if entry.dtype in FP8 else None


def _own(layer: str, scales: Places) -> dict[str, Place]:
    names = {which: f"{layer}.{which}" for which in SCALES.values()}
    return {which: scales[name] for which, name in names.items() if name in scales}


def _beside(layer: str, place: Place, scales: Places) -> dict[str, Tensor]:
    """A layer's scales, and the note on it where its numbers cannot be told without."""
    own = _own(layer, scales)
    note = _note(own, place) if place[1].packed == INT8 else None
    found = {which: _read(where) for which, where in own.items() if which != NOTE}
    return found if note is None else {**found, NOTE: note}


def _note(own: Mapping[str, Place], place: Place) -> Tensor | None:
    """ComfyUI's note on a layer: a tensor, or a word in the file's metadata, as that has it."""
    if NOTE in own:
        return _read(own[NOTE])
    file, entry = place
    told = file.notes.get(entry.name.removesuffix(".weight"))
    return None if told is None else torch.tensor([*json.dumps(told).encode()], dtype=torch.uint8)


@contextmanager
def _fitting(place: Place) -> Iterator[None]:
    """Inside, scales that do not fit or are not there become ModelUnavailable `weights_corrupt`."""
    file, entry = place
    try:
        yield
    except KeyError as missing:
        raise corrupt(file.path, f"{entry.name} has no {missing.args[0]}") from None
    except ValueError as error:
        raise corrupt(file.path, f"the scales of {entry.name} do not fit: {error}") from None


def _read(place: Place) -> Tensor:
    file, entry = place
    return next(tensor for _, tensor in file.read([entry.name]))
