"""Chooses the backend that runs a model and imports it late; knows nothing of how it runs."""

from __future__ import annotations

from ltxserve.catalog import ModelSpec
from ltxserve.engine.backends.base import Backend, Placement


def create_backend(spec: ModelSpec, placement: Placement) -> Backend:
    """Load a model with the backend that runs it.

    Raises ModelUnavailable: `backend_missing`, `weights_missing`, `weights_corrupt`; OutOfMemory.
    """
    from ltxserve.engine.backends.diffusers.load import load_backend

    return load_backend(spec, placement)
