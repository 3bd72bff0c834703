"""Reads the catalog's TOML files once and answers by name; knows no request and no weights."""

from __future__ import annotations

import difflib
import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from pydantic import ValidationError

from ltxserve.catalog.prices import Prices, load_prices
from ltxserve.catalog.spec import CameraMove, Licence, LoraSpec, ModelSpec, Preset, TextEncoder
from ltxserve.catalog.strict import build, wrong
from ltxserve.errors import LtxserveError
from ltxserve.types import GenerationRequest

T = TypeVar("T")
_NAMED = 3  # models in a message
Table = Mapping[str, Any]


@dataclass(frozen=True)
class Catalog:
    """All rows by name. Lookups ignore case and take a model's aliases."""

    models: Mapping[str, ModelSpec]
    loras: Mapping[str, LoraSpec]
    presets: Mapping[str, Preset]
    camera: Mapping[str, CameraMove]
    licences: Mapping[str, Licence]
    prices: Prices

    def model(self, name: str) -> ModelSpec:
        """The model of this name or alias. Raises LtxserveError `unknown_model`."""
        key = name.strip().lower()
        for spec in self.models.values():
            if key == spec.name or key in spec.aliases:
                return spec
        names = [*self.models, *(a for s in self.models.values() for a in s.aliases)]
        near = _near(key, names)
        hint = near or f"This build runs {self.running()}. `ltxserve models` lists all."
        raise LtxserveError("unknown_model", f"No model is named {_short(name)}.", hint, "model")

    def running(self) -> str:
        """Some of the models that this build runs, for messages: built-in, then newest first."""
        specs = (spec for spec in self.models.values() if spec.runs)
        names = [spec.name for spec in sorted(specs, key=_age)]
        more = len(names) - _NAMED
        return ", ".join(names[:_NAMED]) + (f" or {more} others" if more > 0 else "")

    def lora(self, name: str) -> LoraSpec:
        """The adapter of this name. Raises LtxserveError `unknown_lora`."""
        return _get(self.loras, name, "unknown_lora", "adapter")

    def preset(self, name: str) -> Preset:
        """The preset of this name. Raises LtxserveError `unknown_preset`."""
        return _get(self.presets, name, "unknown_preset", "preset")


@functools.cache
def load_catalog(prices: Path | None = None, adapters: Path | None = None) -> Catalog:
    """The catalog in the package, with its prices or those of an operator's file.

    adapters: a file of more of them, in the form of loras.toml, and of their licences, in the form
    of models.toml. Raises ConfigurationError `catalog_invalid` if anything is broken.
    """
    tables = {name: dict(_read(name)) for name in ("models", "loras", "presets", "camera")}
    if adapters is not None:
        own = _own_adapters(adapters)
        tables["loras"]["loras"] = [*tables["loras"]["loras"], *own.get("loras", ())]
        tables["models"]["licences"] = {**own.get("licences", {}), **tables["models"]["licences"]}
    return read_catalog(tables, load_prices(prices))


def _own_adapters(path: Path) -> Table:
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise wrong(f"The adapter file cannot be read: {error}.", "Correct the file.") from None
    rows = table.get("loras")
    named = isinstance(rows, list) and all(isinstance(row, dict) and "name" in row for row in rows)
    if not named or set(table) - {"loras", "licences"}:
        raise wrong("The adapter file needs [[loras]] with names.", "Correct the file.")
    return table


def read_catalog(data: Mapping[str, Table], prices: Prices | None = None) -> Catalog:
    """A catalog of parsed tables, one per file; used by load_catalog and by tests."""
    licences = _keyed(data["models"]["licences"], Licence, "licences")
    models = _models(data["models"], licences)
    loras = _named("loras", data["loras"], LoraSpec, "loras")
    presets = _keyed(data["presets"]["presets"], Preset, "presets")
    camera = _keyed(data["camera"]["moves"], CameraMove, "camera")
    for preset in presets.values():
        _check_preset(preset)
    for lora in loras.values():
        if lora.name != lora.name.strip().lower() or "/" in lora.name:
            raise wrong(f"loras[{lora.name}] is no plain name.", "Use small letters, and no path.")
        _named_part(licences, lora.licence, f"loras[{lora.name}].licence")
    return Catalog(models, loras, presets, camera, licences, prices or load_prices())


def _read(name: str) -> Table:
    return tomllib.loads((resources.files("ltxserve.catalog") / f"{name}.toml").read_text("utf-8"))


def _models(data: Table, licences: Mapping[str, Licence]) -> Mapping[str, ModelSpec]:
    encoders = _keyed(data["text_encoders"], TextEncoder, "text_encoders")
    models: dict[str, ModelSpec] = {}
    for row in data["models"]:
        where = f"models[{row.get('name', '?')}]"
        full = _inherit(row, data["profiles"], where)
        full["licence"] = _named_part(licences, full.get("licence"), f"{where}.licence")
        full["text_encoder"] = _named_part(
            encoders, full.get("text_encoder"), f"{where}.text_encoder"
        )
        spec = build(ModelSpec, full, where)
        if spec.name in models:
            raise wrong(f"{where} is there twice.", "Remove one.")
        if not spec.runs and not spec.reason:
            raise wrong(f"{where} does not run and gives no reason.", "Add `reason`.")
        models[spec.name] = spec
    return MappingProxyType(models)


def _inherit(row: Table, profiles: Table, where: str) -> dict[str, Any]:
    parent = row.get("extends")
    own = {key: value for key, value in row.items() if key != "extends"}
    if parent is None:
        return own
    if parent not in profiles:
        raise wrong(f"{where} extends {parent!r}.", f"Profiles: {', '.join(profiles)}.")
    return _merge(_inherit(profiles[parent], profiles, f"profiles.{parent}"), own)


def _merge(base: Table, over: Table) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merge(merged[key], value) if both else value
    return merged


def _keyed(table: Table, cls: type[T], where: str) -> Mapping[str, T]:
    return MappingProxyType(
        {key: build(cls, {"name": key, **row}, f"{where}.{key}") for key, row in table.items()}
    )


def _named(key: str, table: Table, cls: type[T], where: str) -> Mapping[str, T]:
    rows = {row["name"]: build(cls, row, f"{where}[{row['name']}]") for row in table[key]}
    if len(rows) != len(table[key]):
        raise wrong(f"{where} has a name twice.", "Rename one.")
    return MappingProxyType(rows)


def _named_part(parts: Mapping[str, T], name: object, where: str) -> T:
    if not isinstance(name, str) or name not in parts:
        raise wrong(f"{where} is {name!r}.", f"Known: {', '.join(parts)}.")
    return parts[name]


def _check_preset(preset: Preset) -> None:
    unknown = set(preset.locked) - set(GenerationRequest.model_fields)
    if unknown:
        raise wrong(f"presets.{preset.name} locks {', '.join(unknown)}.", "Lock request fields.")
    try:
        GenerationRequest(prompt="x", **preset.values)
    except ValidationError as error:
        raise wrong(f"presets.{preset.name}: {error}", "Use request fields only.") from None


def _age(spec: ModelSpec) -> tuple[bool, list[int]]:
    return not spec.weights, [-int(part) for part in spec.version.split(".")]


def _get(rows: Mapping[str, T], name: str, code: str, noun: str) -> T:
    found = rows.get(name.strip().lower())
    if found is None:
        hint = _near(name, list(rows)) or f"Known: {', '.join(rows)}."
        raise LtxserveError(code, f"No {noun} is named {_short(name)}.", hint, noun)
    return found


def _near(name: str, names: list[str]) -> str:
    near = difflib.get_close_matches(name[:100].lower(), names, n=1)
    return f"Did you mean {near[0]}?" if near else ""


def _short(name: str) -> str:
    return repr(name if len(name) <= 60 else name[:57] + "...")
