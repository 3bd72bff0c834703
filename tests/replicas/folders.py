"""Whole rows as replicas: every file a row needs, where the search finds it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import MappingProxyType

from ltxserve.catalog import Catalog, ModelSpec, load_catalog
from tests.replicas.build import (
    Replica,
    plain_fp8,
    replica,
    scaled_fp8,
    upscaler,
    write_gemma_3,
    write_t5,
)
from tests.replicas.configs import ALL

SIDE = 64
"""Pixels of the smallest clip that replicas are asked for; real models start at 256."""


def small_row(name: str) -> ModelSpec:
    """A row of the catalog that may make tiny clips."""
    row = load_catalog().model(name)
    sampling = dataclasses.replace(row.sampling, stg_blocks=(1,))  # replicas have two blocks
    limits = dataclasses.replace(row.limits, min_side=SIDE)
    return dataclasses.replace(row, runs=True, limits=limits, sampling=sampling)


def catalog_with(*rows: ModelSpec) -> Catalog:
    """The catalog, with these rows in place of their own."""
    catalog = load_catalog()
    models = {**catalog.models, **{row.name: row for row in rows}}
    return dataclasses.replace(catalog, models=MappingProxyType(models))


def write_row(root: Path, row: ModelSpec) -> Replica:
    """Its checkpoint, text encoder and tokenizer under a folder of weights."""
    name = "ltxv-0.9.5-small" if row.family == "ltx-video" else f"{row.layout}-small"
    made = replica(name)
    if row.precision == "fp8":
        made = plain_fp8(made) if row.family == "ltx-video" else scaled_fp8(made)
    made.save(root / row.repo / row.files[0].path)
    for file in row.files:
        if file.role == "spatial_upscaler" and row.family == "ltx-video":
            upscaler().save(root / (file.repo or row.repo) / file.path)
    text = root / row.text_encoder.repo
    if row.family == "ltx-video":
        write_t5(text)
    else:
        write_gemma_3(text, ALL[name])
    return made
