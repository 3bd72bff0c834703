"""Loads a pipeline's parts from a folder in the diffusers form; knows no catalog and no plan."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ltxserve.catalog.weights.needs import read_json
from ltxserve.errors import ModelUnavailable, OutOfMemory

if TYPE_CHECKING:
    import torch

LIBRARIES = {
    "diffusers": "diffusers",
    "transformers": "transformers",
    "ltx": "diffusers.pipelines.ltx",
    "ltx2": "diffusers.pipelines.ltx2",
}
"""How model_index.json names libraries -> modules; others are not imported."""
WEIGHTLESS = ("tokenizer", "scheduler", "processor")


@dataclass(frozen=True)
class Part:
    """A component of a pipeline: its folder and the class that reads it."""

    folder: str
    module: str
    name: str

    @property
    def weights(self) -> bool:
        """Whether it has any."""
        return self.folder not in WEIGHTLESS


@dataclass(frozen=True)
class Reading:
    """How parts are read.

    more: further arguments by part. mapped: by the libraries, memory-mapped, which suits a local
    disk; else by our own reader, in one go, which suits network volumes.
    """

    dtype: torch.dtype
    more: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    mapped: bool = False


def listed_parts(folder: Path, wanted: tuple[str, ...]) -> tuple[Part, ...]:
    """The wanted parts as the folder's model_index.json has them, those it has not left out.

    Raises ModelUnavailable `weights_corrupt` for a class of a library that is not known here.
    """
    index = read_json(folder / "model_index.json")
    parts: list[Part] = []
    for name in wanted:
        told = index.get(name)
        if not (isinstance(told, list) and len(told) == 2 and all(told)):
            continue
        library, kind = (str(word) for word in told)
        if library not in LIBRARIES:
            raise corrupt(name, f"its class is of the library {library!r}, which is not used here")
        parts.append(Part(name, LIBRARIES[library], kind))
    return tuple(parts)


def load_part(part: Part, folder: Path, reading: Reading) -> Any:
    """One part. Raises ModelUnavailable `weights_corrupt`, OutOfMemory."""
    if part.weights and not reading.mapped:
        return _read(part, folder, reading)
    return _mapped(part, folder, reading)


def _read(part: Part, folder: Path, reading: Reading) -> Any:
    from ltxserve.engine.backends.diffusers.reading.assemble import Choice, Source, assemble
    from ltxserve.engine.backends.diffusers.reading.layout import PartLayout
    from ltxserve.engine.backends.diffusers.reading.tensors import open_tensors
    from ltxserve.engine.backends.diffusers.reading.texts import read_encoder, shards

    if part.module == "transformers":
        return read_encoder(part.name, folder, reading.dtype)
    config = {k: v for k, v in read_json(folder / "config.json").items() if not k.startswith("_")}
    files = [Source("part", open_tensors(path)) for path in shards(folder)]
    if not config or not files:
        raise corrupt(part.folder, f"{folder.name} has no configuration or no weights")
    layout = PartLayout(part.folder, f"{part.module}:{part.name}", ("part",), ("",), config)
    more = reading.more.get(part.folder, {})
    try:
        return assemble(layout, files, Choice(reading.dtype, more=more))
    except (AttributeError, TypeError, ValueError) as error:
        raise corrupt(part.folder, error) from error


def _mapped(part: Part, folder: Path, reading: Reading) -> Any:
    from safetensors import SafetensorError

    from ltxserve.engine.backends.diffusers.failures import is_exhausted

    try:
        kind = getattr(importlib.import_module(part.module), part.name)
        loaded = kind.from_pretrained(str(folder), **_options(part, reading))
    except (OSError, SafetensorError, json.JSONDecodeError, LookupError, ValueError) as error:
        raise corrupt(part.folder, error) from error
    except RuntimeError as error:
        if is_exhausted(error):
            raise OutOfMemory() from error
        raise corrupt(part.folder, error) from error
    if not part.weights:
        return loaded
    model, found = loaded
    # The libraries fill what is missing with random numbers, drop what is too much, and go on.
    for what in ("missing", "unexpected"):
        names = sorted(found[f"{what}_keys"])
        if names:
            raise corrupt(part.folder, f"{len(names)} weights are {what}, such as {names[0]}")
    return model


def _options(part: Part, reading: Reading) -> dict[str, Any]:
    # local_files_only: a folder that is there must never be looked up on a hub.
    options: dict[str, Any] = {"local_files_only": True, **reading.more.get(part.folder, {})}
    if not part.weights:
        return options
    options["output_loading_info"] = True
    if part.module == "transformers":
        options["dtype"] = reading.dtype
    else:
        options["torch_dtype"] = reading.dtype
    return options


def corrupt(part: str, why: object) -> ModelUnavailable:
    """The error of a part that cannot be loaded."""
    first = (str(why).splitlines() or [type(why).__name__])[0]
    return ModelUnavailable(
        "weights_corrupt",
        f"{part} cannot be loaded: {first[:200]}",
        "Install or download the model again.",
        "model",
    )
