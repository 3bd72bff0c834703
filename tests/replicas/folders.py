"""Whole rows as replicas: every file a row needs, where the search finds it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from types import MappingProxyType

from ltxserve.catalog import Catalog, ModelSpec, load_catalog
from ltxserve.catalog.spec import Sampling
from tests.replicas.build import (
    GEMMA_VERSION,
    MODEL,
    Replica,
    plain_fp8,
    replica,
    scaled_fp8,
    upscaler,
    write_gemma_3,
    write_gemma_4,
    write_t5,
)
from tests.replicas.configs import ALL
from tests.replicas.fp4 import nvfp4
from tests.replicas.ggufs import write_gguf
from tests.replicas.int8 import int8
from tests.replicas.parts import part

SIDE = 64
"""Pixels of the smallest clip that replicas are asked for; real models start at 256."""


def small_row(name: str) -> ModelSpec:
    """A row of the catalog that may make tiny clips."""
    row = load_catalog().model(name)
    sampling = _of_two_blocks(row.sampling)
    limits = dataclasses.replace(row.limits, min_side=SIDE, min_frames=9)
    return dataclasses.replace(row, runs=True, limits=limits, sampling=sampling)


def _of_two_blocks(sampling: Sampling) -> Sampling:
    """With skipped blocks that replicas have."""
    schedule, second = sampling.schedule, sampling.second_pass
    if schedule is not None:
        blocks = tuple(tuple(sorted({n % 2 for n in own})) for own in schedule.blocks)
        schedule = dataclasses.replace(schedule, blocks=blocks)
    if second is not None and second.stg_blocks:
        second = dataclasses.replace(second, stg_blocks=(1,))
    return dataclasses.replace(sampling, stg_blocks=(1,), schedule=schedule, second_pass=second)


def catalog_with(*rows: ModelSpec) -> Catalog:
    """The catalog, with these rows in place of their own."""
    catalog = load_catalog()
    models = {**catalog.models, **{row.name: row for row in rows}}
    return dataclasses.replace(catalog, models=MappingProxyType(models))


def write_row(root: Path, row: ModelSpec) -> Replica:
    """Its checkpoint, text encoder and tokenizer under a folder of weights."""
    if row.vae == "diffusion":
        return write_diffusion(root, row)
    name = "ltxv-0.9.5-small" if row.layout == "ltxv-13b" else f"{row.layout}-small"
    made = replica(name)
    if row.precision == "fp8":
        made = plain_fp8(made) if row.family == "ltx-video" else scaled_fp8(made)
    if row.precision == "fp4":
        made = nvfp4(made)
    if row.precision == "int8":
        made = int8(made)
    if row.layout == "ltx-2.5":
        return write_split(root, row, made)
    if row.precision == "q4":
        write_apart(root, row, made)
    else:
        made.save(root / row.repo / row.files[0].path)
    _write_upscalers(root, row)
    text = root / row.text_encoder.repo
    if row.family == "ltx-video":
        write_t5(text)
    else:
        write_gemma_3(text, ALL[name])
    return made


def write_diffusion(root: Path, row: ModelSpec) -> Replica:
    """LTX-2.5's files with the VAE whose decoder is a diffusion model."""
    made = write_row(root, dataclasses.replace(row, layout="ltx-2.5", vae="conv"))
    own = part("ltx-2.5-diffusion-vae-small")
    bare = Replica({n.removeprefix("vae."): t for n, t in own.tensors.items()}, own.metadata)
    file = next(file for file in row.files if file.role == "vae")
    bare.save(root / (file.repo or row.repo) / file.path)
    return made


def _write_upscalers(root: Path, row: ModelSpec) -> None:
    """The latent upscalers that the row names."""
    if row.family == "ltx-video":
        names = {"spatial_upscaler": "ltxv-upscaler", "temporal_upscaler": "ltxv-temporal-upscaler"}
    else:
        own = "ltx-2.0" if row.layout == "ltx-2.0" else "ltx-2.3"
        names = {
            "spatial_upscaler": f"{own}-upscaler",
            "temporal_upscaler": "ltx-2.0-temporal-upscaler",
        }
    for file in row.files:
        if file.role in names:
            place = root / (file.repo or row.repo) / file.path
            upscaler(f"{names[file.role]}-small").save(place)


def write_apart(root: Path, row: ModelSpec, made: Replica) -> None:
    """The transformer as GGUF, and the rest in files of their own, as ComfyUI wants them.

    From 2.3 on, the connectors lie in the GGUF, and the projection alone in a file beside it.
    """
    inside = CONNECTORS if row.version != "2.0" else ()
    for file in row.files:
        place = root / (file.repo or row.repo) / file.path
        if file.role == "transformer":
            write_gguf(made if inside else without(made, CONNECTORS), place)
        elif file.role in APART:
            own = without(made.part(*APART[file.role]), inside).tensors
            bare = {n.removeprefix("vae."): t for n, t in own.items()}
            Replica(bare, made.metadata).save(place)


CONNECTORS = (f"{MODEL}video_embeddings_connector.", f"{MODEL}audio_embeddings_connector.")
APART = {
    "vae": ("vae.",),
    "audio_vae": ("audio_vae.", "vocoder."),
    "connectors": (*CONNECTORS, "text_embedding_projection."),
}
"""Roles of files -> what the names in them begin with, in the monolith."""


def without(made: Replica, starts: tuple[str, ...]) -> Replica:
    """A checkpoint less the tensors whose names begin so."""
    left = {n: t for n, t in made.tensors.items() if not n.startswith(starts)}
    return Replica(left, made.metadata)


def write_split(root: Path, row: ModelSpec, made: Replica) -> Replica:
    """The parts of a checkpoint in files of their own, as LTX-2.5 has them."""
    bare = Replica(
        {n.removeprefix("vae."): t for n, t in made.part("vae.").tensors.items()}, made.metadata
    )
    parts = {
        "transformer": made.part(MODEL),
        "vae": bare,
        "audio_vae": made.part("audio_vae.", "vocoder."),
    }
    source = json.dumps({"gemma_version": GEMMA_VERSION})
    for file in row.files:
        if file.role in parts:
            place = root / (file.repo or row.repo) / file.path
            parts[file.role].save(place, gemma_source_checkpoint=source)
    _write_upscalers(root, row)
    text = row.text_encoder
    write_gemma_4(root / text.repo / text.subfolder, ALL[f"{row.layout}-small"], made)
    return made
