"""The catalog: every model, adapter, preset and camera motion as data; loads no weights."""

from ltxserve.catalog.catalog import Catalog, load_catalog, read_catalog
from ltxserve.catalog.spec import CameraMove, LoraSpec, ModelSpec, Preset

__all__ = [
    "CameraMove",
    "Catalog",
    "LoraSpec",
    "ModelSpec",
    "Preset",
    "load_catalog",
    "read_catalog",
]
