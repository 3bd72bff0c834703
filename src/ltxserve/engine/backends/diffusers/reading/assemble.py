"""Puts the tensors of files into a part of a pipeline: every name and shape has to fit.

Nothing is guessed from the tensors: what a part is made of is in its layout.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from accelerate import init_empty_weights
from torch import Tensor, nn

from ltxserve.engine.backends.diffusers.reading.compact import (
    MARKS,
    SCALES,
    Places,
    keep_small,
    made_large,
    take_scales,
)
from ltxserve.engine.backends.diffusers.reading.layout import PartLayout, canonical
from ltxserve.engine.backends.diffusers.reading.packed import unpacked
from ltxserve.engine.backends.diffusers.reading.small import SmallLinear
from ltxserve.engine.backends.diffusers.reading.tensors import TensorFile
from ltxserve.engine.backends.diffusers.reading.told import arguments
from ltxserve.errors import ModelUnavailable

_NAMED = 3  # names in a message


@dataclass(frozen=True)
class Source:
    """A file and its role in the row."""

    role: str
    file: TensorFile


@dataclass(frozen=True)
class Choice:
    """How a part is wanted. dtype: of everything that does not stay small. more: arguments."""

    dtype: torch.dtype
    device: torch.device = torch.device("cpu")  # noqa: RUF009 - immutable
    more: Mapping[str, Any] = field(default_factory=dict)


def assemble(part: PartLayout, sources: Sequence[Source], choice: Choice) -> nn.Module:
    """A part, filled from files. Raises ModelUnavailable `weights_corrupt`, naming the file."""
    used = [
        Source(source.role, unpacked(source.file, part.packing))
        for source in sources
        if source.role in part.roles
    ]
    places, scales = _sorted(part, used)
    if not places:
        names = ", ".join(source.file.path.name for source in used) or "no file"
        raise _unfit(f"{names} holds no {part.name}")
    model = _empty(part, used, choice)
    _compare(part, model, places)
    layers = keep_small(model, places)
    _fill(model, _read(places, choice, layers, scales))
    take_scales(layers, places, scales, choice.device)
    return model.requires_grad_(False).eval()


def _sorted(part: PartLayout, sources: Iterable[Source]) -> tuple[Places, Places]:
    places: Places = {}
    scales: Places = {}
    for source in sources:
        for entry in source.file.entries.values():
            name = part.own_name(canonical(entry.name, source.role))
            if name is None:
                continue
            layer, _, last = name.rpartition(".")
            if last in SCALES:
                scales[f"{layer}.{SCALES[last]}"] = (source.file, entry)
            elif last not in MARKS:
                places[name] = (source.file, entry)
    return places, scales


def _empty(part: PartLayout, sources: Sequence[Source], choice: Choice) -> nn.Module:
    shapes: dict[str, tuple[int, ...]] = {}
    config: dict[str, Any] = {}
    for source in sources:
        config.update(source.file.config)
        for entry in source.file.entries.values():
            shapes[canonical(entry.name, source.role)] = entry.shape
    module, _, name = part.kind.partition(":")
    kind = getattr(importlib.import_module(module), name)
    told = {**arguments(part, config, shapes), **choice.more}
    with init_empty_weights():
        return kind.from_config(told)


def _compare(part: PartLayout, model: nn.Module, places: Places) -> None:
    own = model.state_dict()
    file = next(iter(places.values()))[0].path.name
    missing = sorted(set(own) - set(places))
    extra = sorted(set(places) - set(own))
    if missing:
        raise _unfit(f"{file} lacks {len(missing)} weights of the {part.name}: {_some(missing)}")
    if extra:
        names = [places[name][1].name for name in extra]
        raise _unfit(f"{file} has {len(extra)} weights the {part.name} has not: {_some(names)}")
    for name, tensor in own.items():
        holder, entry = places[name]
        if tuple(tensor.shape) != entry.shape:
            raise _unfit(
                f"{holder.path.name} has {entry.name} of shape {list(entry.shape)}, the "
                f"{part.name} wants {list(tensor.shape)}"
            )
        # Packed ones are bytes; their kinds were judged when the file was opened.
        if tensor.is_floating_point() and not (entry.packed or entry.dtype.is_floating_point):
            kind = str(entry.dtype).removeprefix("torch.")
            raise _unfit(f"{holder.path.name} has {entry.name} as {kind}, which is not read")


def _read(
    places: Places, choice: Choice, layers: Mapping[str, SmallLinear], scales: Places
) -> dict[str, Tensor]:
    by_file: dict[int, tuple[TensorFile, dict[str, str]]] = {}
    for name, (file, entry) in places.items():
        by_file.setdefault(id(file), (file, {}))[1][entry.name] = name
    found: dict[str, Tensor] = {}
    for file, names in by_file.values():
        for stored, tensor in file.read(names):
            name = names[stored]
            ready = tensor
            if not (name.endswith(".weight") and name.removesuffix(".weight") in layers):
                ready = made_large(tensor, name, places[name], scales)
                ready = ready.to(choice.dtype) if ready.is_floating_point() else ready
            found[name] = ready.to(choice.device)
    return found


def _fill(model: nn.Module, tensors: dict[str, Tensor]) -> None:
    model.requires_grad_(False)
    model.load_state_dict(tensors, strict=False, assign=True)
    left = [name for name, tensor in model.named_parameters() if tensor.is_meta]
    if left:  # the comparison has failed to see it: never run on nothing
        raise _unfit(f"{len(left)} weights stayed empty: {_some(left)}")


def _some(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _unfit(what: str) -> ModelUnavailable:
    return ModelUnavailable(
        "weights_corrupt",
        f"{what}.",
        "The file belongs to another model or version; pull the one of the catalog's row.",
        "model",
    )
