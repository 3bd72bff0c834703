"""Compares a plan's adapters with a model that is not loaded yet, by the headers of its files."""

from __future__ import annotations

from collections.abc import Sequence

from ltxserve.catalog import ModelSpec
from ltxserve.engine.backends.base import Placement
from ltxserve.engine.backends.diffusers.adapters.file import open_adapter
from ltxserve.engine.backends.diffusers.adapters.layers import (
    PARTS,
    Layers,
    Shapes,
    file_shapes,
    folder_shapes,
)
from ltxserve.engine.backends.diffusers.adapters.rack import Find
from ltxserve.engine.backends.diffusers.load import find_weights, weights_folder
from ltxserve.engine.backends.diffusers.reading.parts import open_sources
from ltxserve.engine.loras import PlannedLora


def check_files(
    loras: Sequence[PlannedLora], spec: ModelSpec, placement: Placement, find: Find
) -> None:
    """Every adapter's file is here and fits; no weights are read, neither its own nor the model's.

    Raises ModelUnavailable: `weights_missing`, `weights_corrupt`, `lora_unsupported`.
    """
    paths = [find(lora) for lora in loras]
    layers = Layers.of(spec, _shapes(spec, placement))
    for path in dict.fromkeys(paths):
        open_adapter(path, layers)


def _shapes(spec: ModelSpec, placement: Placement) -> Shapes:
    if spec.weights or not spec.layout:
        root = weights_folder(spec)
    else:
        located = find_weights(spec, placement)
        folder = located.path("pipeline")
        if folder is None:
            return file_shapes(spec, open_sources(located))
        root = folder
    return folder_shapes({part: root / part for part in PARTS if (root / part).is_dir()})
