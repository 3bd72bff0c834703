"""The layers of a model that an adapter can change, and every name that files give them.

Names follow the layout of the model's own files; nothing is guessed from an adapter.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from ltxserve.catalog import ModelSpec
from ltxserve.engine.backends.diffusers.reading.assemble import Source
from ltxserve.engine.backends.diffusers.reading.layout import (
    PartLayout,
    canonical,
    load_layout,
)
from ltxserve.engine.backends.diffusers.reading.tensors import open_tensors
from ltxserve.engine.backends.diffusers.reading.texts import shards

PARTS = ("transformer", "connectors")
"""Parts of a pipeline that adapters are made for."""
BUILT_IN = "ltx-2.0"
"""The layout whose names adapters of the built-in model use: it has that architecture."""
_VENDOR = ("diffusion_model.", "model.diffusion_model.", "base_model.model.", "")
_FLAT = ("lora_unet_", "lora_transformer_")


@dataclass(frozen=True)
class Place:
    """A linear layer: the part of the pipeline, and its name in there."""

    part: str
    name: str


Shapes = Mapping[Place, tuple[int, int]]
"""Linear layers and the shapes of their weights, (out, in)."""


@dataclass(frozen=True)
class Layers:
    """Every layer of one model that an adapter can change. model: its name, for messages."""

    model: str
    shapes: Shapes
    spellings: Mapping[str, Place]

    @classmethod
    def of(cls, spec: ModelSpec, shapes: Shapes) -> Layers:
        """The layers of a row, with every name that files may give them."""
        return cls(spec.name, shapes, _spellings(spec.layout or BUILT_IN, frozenset(shapes)))


def live_shapes(parts: Mapping[str, Any]) -> Shapes:
    """The linear layers of a loaded model, by its parts."""
    found: dict[Place, tuple[int, int]] = {}
    for part in PARTS:
        whole = parts.get(part)
        for name, module in whole.named_modules() if isinstance(whole, nn.Module) else ():
            if isinstance(module, nn.Linear):
                found[Place(part, name)] = (module.out_features, module.in_features)
    return found


def file_shapes(spec: ModelSpec, sources: Sequence[Source]) -> Shapes:
    """The same from the headers of a row's own files; reads no weights."""
    found: dict[Place, tuple[int, int]] = {}
    for part in _parts(spec.layout or BUILT_IN):
        for source in sources:
            if source.role not in part.roles:
                continue
            for entry in source.file.entries.values():
                name = part.own_name(canonical(entry.name, source.role))
                _note(found, part.name, name, entry.shape)
    return found


def folder_shapes(folders: Mapping[str, Path]) -> Shapes:
    """The same from a folder for each part in the diffusers form."""
    found: dict[Place, tuple[int, int]] = {}
    for part, folder in folders.items():
        for path in shards(folder):
            for entry in open_tensors(path).entries.values():
                _note(found, part, entry.name, entry.shape)
    return found


def _note(
    found: dict[Place, tuple[int, int]], part: str, name: str | None, shape: tuple[int, ...]
) -> None:
    if name is not None and name.endswith(".weight") and len(shape) == 2:
        found[Place(part, name.removesuffix(".weight"))] = (shape[0], shape[1])


def _parts(layout: str) -> Iterator[PartLayout]:
    return (part for part in load_layout(layout).parts if part.name in PARTS)


@functools.lru_cache(maxsize=8)
def _spellings(layout: str, places: frozenset[Place]) -> Mapping[str, Place]:
    by_name = {part.name: part for part in _parts(layout)}
    found: dict[str, Place] = {}
    for place in places:
        part = by_name.get(place.part)
        tensor = None if part is None else part.vendor_name(f"{place.name}.weight")
        for spelling in _names(place, (tensor or "").removesuffix(".weight")):
            found[spelling] = place
    return found


def _names(place: Place, vendor: str) -> Iterator[str]:
    yield f"{place.part}.{place.name}"  # as diffusers writes them
    for name in dict.fromkeys([place.name, *([vendor] if vendor else [])]):
        yield from (f"{prefix}{name}" for prefix in _VENDOR)
        yield from (f"{prefix}{name.replace('.', '_')}" for prefix in _FLAT)
