"""Chooses the backend that runs a model and imports it late; knows nothing of how it runs."""

from __future__ import annotations

from collections.abc import Sequence

from ltxserve.catalog import ModelSpec
from ltxserve.engine.backends.adapters import AdapterFinder
from ltxserve.engine.backends.base import Backend, Placement
from ltxserve.engine.loras import PlannedLora


def create_backend(spec: ModelSpec, placement: Placement) -> Backend:
    """Load a model with the backend that runs it.

    Raises ModelUnavailable: `backend_missing`, `weights_missing`, `weights_corrupt`; OutOfMemory.
    """
    from ltxserve.engine.backends.diffusers.load import load_backend

    return load_backend(spec, placement)


def check_adapters(loras: Sequence[PlannedLora], spec: ModelSpec, placement: Placement) -> None:
    """Refuse adapters that are not here or do not fit, before the model is loaded for them.

    Raises ModelUnavailable: `weights_missing`, `weights_corrupt`, `lora_unsupported`,
    `backend_missing`.
    """
    if not loras:
        return
    from ltxserve.engine.backends.diffusers.load import needs_engine

    with needs_engine():
        from ltxserve.engine.backends.diffusers.check import check_files
    check_files(loras, spec, placement, AdapterFinder(placement))
