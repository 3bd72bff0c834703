"""All parts of a row's pipeline, read from wherever its files lie; it runs none of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers import FlowMatchEulerDiscreteScheduler

from ltxserve.catalog import ModelSpec
from ltxserve.catalog.weights.needs import Located
from ltxserve.engine.backends.diffusers.reading.assemble import Choice, Source, assemble
from ltxserve.engine.backends.diffusers.reading.fp8 import choose_arithmetic
from ltxserve.engine.backends.diffusers.reading.gemma4 import read_gemma_4, wanted_version
from ltxserve.engine.backends.diffusers.reading.layout import Layout, load_layout
from ltxserve.engine.backends.diffusers.reading.tensors import TensorFile, open_tensors
from ltxserve.engine.backends.diffusers.reading.texts import TextParts, read_gemma_3, read_t5
from ltxserve.errors import ModelUnavailable

MODEL_ROLES = ("checkpoint", "transformer", "connectors", "vae", "audio_vae", "text_encoder")
"""Roles of the files that a pipeline's parts are read from."""
GGUF = ".gguf"


def read_parts(spec: ModelSpec, located: Located, choice: Choice) -> dict[str, Any]:
    """Parts by the names that diffusers' pipelines give them.

    Raises ModelUnavailable: `weights_corrupt`, `weights_missing`.
    """
    layout = load_layout(spec.layout)
    sources = open_sources(located)
    parts: dict[str, Any] = {}
    for part in layout.parts:
        more = {"perturbed_attn": True} if _skips_attention(part.name, layout, spec) else {}
        dtype = getattr(torch, part.dtype) if part.dtype else choice.dtype
        parts[part.name] = assemble(part, sources, Choice(dtype, choice.device, more))
        choose_arithmetic(parts[part.name], choice.device)
    text = read_text(spec, located, choice)
    return {
        **parts,
        **read_extras(spec, located, choice),
        "text_encoder": text.encoder,
        "tokenizer": text.tokenizer,
        "scheduler": scheduler_of(spec),
    }


def read_extras(spec: ModelSpec, located: Located, choice: Choice) -> dict[str, Any]:
    """The parts that lie in files of their own and are there: latent upsamplers."""
    extras: dict[str, Any] = {}
    for part in load_layout(spec.layout).extras:
        path = located.path(part.roles[0])
        if path is not None:
            source = Source(part.roles[0], open_tensors(path))
            extras[part.name] = assemble(part, [source], choice)
    return extras


def open_sources(located: Located) -> list[Source]:
    """The headers of a row's files that hold parts of the pipeline."""
    return [
        Source(need.role, open_file(path))
        for need, path in located.found.items()
        if need.role in MODEL_ROLES and path.is_file()
    ]


def open_file(path: Path) -> TensorFile:
    """A file's header: of GGUF by its suffix, else of safetensors."""
    if path.suffix == GGUF:
        from ltxserve.engine.backends.diffusers.reading.ggufs import open_gguf

        return open_gguf(path)
    return open_tensors(path)


def read_text(spec: ModelSpec, located: Located, choice: Choice) -> TextParts:
    """The text encoder that the row names, and its tokenizer."""
    folder, tokenizer = located.path("text_encoder"), located.path("tokenizer")
    if spec.text_encoder.name == "gemma-3-12b" and folder is not None:
        return read_gemma_3(folder, choice.dtype)
    if spec.text_encoder.name == "t5-xxl" and folder is not None and tokenizer is not None:
        return read_t5(folder, tokenizer, choice.dtype)
    if spec.text_encoder.name == "gemma-4-12b" and folder is not None:
        transformer = located.path("transformer")
        wanted = wanted_version(open_tensors(transformer)) if transformer is not None else None
        return read_gemma_4(folder, choice.dtype, wanted)
    raise ModelUnavailable(
        "backend_missing",
        f"This build cannot read the text encoder {spec.text_encoder.name} from its own files.",
        f"Pull the diffusers form: ltxserve models pull {spec.name} --diffusers",
        "model",
    )


def part_names(spec: ModelSpec) -> tuple[str, ...]:
    """The parts of a row's layout, by name."""
    return tuple(part.name for part in load_layout(spec.layout).parts)


def scheduler_of(spec: ModelSpec) -> FlowMatchEulerDiscreteScheduler:
    """The scheduler of a row: distilled ones use their sigmas as they are."""
    layout = load_layout(spec.layout)
    distilled = spec.variant == "distilled"
    config: Mapping[str, Any] = layout.scheduler_distilled if distilled else layout.scheduler
    return FlowMatchEulerDiscreteScheduler.from_config(dict(config))


def _skips_attention(part: str, layout: Layout, spec: ModelSpec) -> bool:
    """The same attention, able to skip it; without, diffusers accepts STG and does nothing."""
    return part == "transformer" and layout.pipeline == "ltx2" and spec.supports.stg
