"""Which files a row of the catalog needs, and which of them are on this machine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from ltxserve.catalog.spec import ModelSpec
from ltxserve.catalog.weights.places import Places

Form = Literal["files", "diffusers"]
OPTIONAL = ("spatial_upscaler", "temporal_upscaler", "distilled_lora", "duration_head")
"""Roles a model can be loaded without; requests that need them are refused."""
ADAPTER = "adapter"
"""An adapter's one file; where its name is not known, the need is its whole repository."""
WHOLE = "whole repository"


@dataclass(frozen=True)
class Need:
    """One file of a repository (or a whole folder of it) and its role in the model.

    bytes: as the catalog has them, rounded where the listing was; None where not published.
    """

    role: str
    repo: str
    path: str
    is_folder: bool = False
    bytes: int | None = None

    @property
    def name(self) -> str:
        """The file or folder for people."""
        return f"{self.repo}: {self.path or WHOLE}"


@dataclass(frozen=True)
class Located:
    """A row's needs and where they lie; `missing` has those that are nowhere."""

    form: Form
    found: Mapping[Need, Path]
    missing: tuple[Need, ...]

    @property
    def blocking(self) -> tuple[Need, ...]:
        """What is missing and has to be there to load the model."""
        return tuple(need for need in self.missing if need.role not in OPTIONAL)

    def path(self, role: str) -> Path | None:
        """Where the file or folder of a role lies."""
        return next((path for need, path in self.found.items() if need.role == role), None)


def needs(spec: ModelSpec, form: Form = "files") -> tuple[Need, ...]:
    """Everything a row consists of: its own files, and the text encoder's.

    A built-in model needs nothing.
    """
    if spec.weights:
        return ()
    if form == "diffusers":
        return (Need("pipeline", spec.diffusers_repo, "", is_folder=True),)
    own = [
        Need(file.role, file.repo or spec.repo, file.path, bytes=file.bytes) for file in spec.files
    ]
    if any(need.role == "text_encoder" for need in own):
        return tuple(own)
    return (*own, *_text_needs(spec))


def _text_needs(spec: ModelSpec) -> tuple[Need, ...]:
    text = spec.text_encoder
    is_file = PurePosixPath(text.subfolder).suffix == ".safetensors"
    encoder = Need("text_encoder", text.repo, text.subfolder, not is_file, text.bytes)
    if not text.tokenizer:
        return (encoder,)
    return encoder, Need("tokenizer", text.repo, text.tokenizer, is_folder=True)


def locate(spec: ModelSpec, places: Places) -> Located:
    """Where a row's files lie: the vendor's own, or else a diffusers folder of the same model.

    Files that are optional (upscalers) go with either.
    """
    files = _located(needs(spec), "files", places)
    if files.blocking and spec.diffusers_repo:
        folder = _located(needs(spec, "diffusers"), "diffusers", places)
        if not folder.missing:
            extras = {n: p for n, p in files.found.items() if n.role in OPTIONAL}
            return Located(folder.form, {**folder.found, **extras}, ())
    return files


def _located(wanted: tuple[Need, ...], form: Form, places: Places) -> Located:
    found: dict[Need, Path] = {}
    for need in wanted:
        path = place_of(need, places)
        if path is not None:
            found[need] = path
    return Located(form, found, tuple(need for need in wanted if need not in found))


def place_of(need: Need, places: Places) -> Path | None:
    """Where one need lies; a folder that lacks files of its own index counts as not there."""
    if not need.is_folder:
        return places.find_file(need.repo, need.path)
    folder = places.find_folder(need.repo, need.path)
    if need.role == ADAPTER:
        files = sorted(folder.glob("*.safetensors")) if folder is not None else []
        return files[0] if len(files) == 1 else None  # of several, nobody says which it is
    return folder if folder is not None and not lacking(folder, need.role) else None


def lacking(folder: Path, role: str) -> tuple[str, ...]:
    """Files that a folder of this role should have and has not."""
    if role == "pipeline":
        return _lacking_parts(folder)
    if role == "tokenizer":
        vocabularies = ("tokenizer.json", "tokenizer.model", "spiece.model")
        return () if any((folder / name).is_file() for name in vocabularies) else (vocabularies[0],)
    return _lacking_weights(folder)


def _lacking_parts(folder: Path) -> tuple[str, ...]:
    listed = read_json(folder / "model_index.json")
    if not listed:
        return ("model_index.json",)
    parts = [name for name, value in listed.items() if isinstance(value, list) and all(value)]
    absent = [name for name in parts if not (folder / name).is_dir()]
    if "transformer" in parts and "transformer" not in absent:
        absent += [f"transformer/{name}" for name in _lacking_weights(folder / "transformer")]
    return tuple(absent)


def _lacking_weights(folder: Path) -> tuple[str, ...]:
    if not (folder / "config.json").is_file():
        return ("config.json",)
    shards: set[str] = set()
    for index in folder.glob("*.safetensors.index.json"):
        shards.update(read_json(index).get("weight_map", {}).values())
    if not shards and not any(folder.glob("*.safetensors")):
        return ("*.safetensors",)
    return tuple(sorted(name for name in shards if not (folder / name).is_file()))


def read_json(path: Path) -> dict:
    """A JSON object of a file; empty where it is not there or not one."""
    try:
        value = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
