"""The layouts of the vendor's files, from layouts/*.toml: which names belong to which part.

Knows names and sizes; opens no weights and builds no model.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

from ltxserve.engine.backends.diffusers.reading.packed import Packing
from ltxserve.errors import ConfigurationError

Table = Mapping[str, Any]
PREFIX = "model.diffusion_model."
"""What the transformer's names begin with in checkpoints of one file, and in most split ones."""
_BARE = ("encoder.", "decoder.", "per_channel_statistics.")


@dataclass(frozen=True)
class PartLayout:
    """One component of a pipeline.

    kind: "module:class". roles: the files it lies in. take: what its names begin with ("" = all),
    leave: what those begin with that belong to others. rename: words of names and what they become,
    one after the other; drop: names that diffusers computes itself. config: the class's arguments
    at full size; told: those a file's own metadata decides, by path, or by the first of several
    that is there; derive: the function of told.py that decides more. dtype: the arithmetic
    that the part needs, whatever the others get. packing: what is stored otherwise than apart.
    """

    name: str
    kind: str
    roles: tuple[str, ...]
    take: tuple[str, ...]
    config: Table
    leave: tuple[str, ...] = ()
    rename: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = ()
    drop: tuple[str, ...] = ()
    told: Table = field(default_factory=dict)
    derive: str = ""
    dtype: str = ""
    packing: Packing = field(default_factory=Packing)

    def own_name(self, name: str) -> str | None:
        """What a tensor is called in diffusers; None where it is not this part's, or dropped."""
        start = next((start for start in self.take if name.startswith(start)), None)
        if start is None or name.startswith(self.leave):
            return None
        inner = name.removeprefix(start) if len(self.take) == 1 else name
        if inner in self.drop:
            return None
        words = tuple(inner.split("."))
        for old, new in self.rename:
            words = _replaced(words, old, new)
        return ".".join(words)

    def vendor_name(self, own: str) -> str | None:
        """What the vendor's files call this tensor of diffusers; None if they have none such."""
        words = tuple(own.split("."))
        for old, new in reversed(self.rename):
            words = _replaced(words, new, old)
        name = (self.take[0] if len(self.take) == 1 else "") + ".".join(words)
        return name if self.own_name(name) == own else None


@dataclass(frozen=True)
class Layout:
    """All parts of one kind of checkpoint, and those that lie in files of their own beside it.

    pipeline: "ltx2" or "ltxv". first_frame_alone: the first latent frame is told the time of one
    picture, and the others follow it; else each is told that of eight, from 0 on.
    """

    name: str
    pipeline: str
    parts: tuple[PartLayout, ...]
    scheduler: Table
    scheduler_distilled: Table
    extras: tuple[PartLayout, ...] = ()
    first_frame_alone: bool = True


def canonical(name: str, role: str) -> str:
    """A tensor's name as the one-file checkpoints have it, whichever file it is in."""
    if role == "vae" and name.startswith(_BARE):
        return f"vae.{name}"
    return name.removeprefix(PREFIX)


@functools.cache
def load_layout(name: str) -> Layout:
    """The layout of this name. Raises ConfigurationError `catalog_invalid`."""
    table = _read(name)
    parts = tuple(_part(key, part) for key, part in table["parts"].items())
    schedulers = table["scheduler"], table["scheduler_distilled"]
    extras = tuple(_part(key, part) for key, part in table.get("extras", {}).items())
    alone = table.get("first_frame_alone", True)
    return Layout(name, table["pipeline"], parts, *schedulers, extras, alone)


def layout_names() -> tuple[str, ...]:
    """Every layout there is."""
    folder = resources.files(__package__) / "layouts"
    return tuple(sorted(f.name.removesuffix(".toml") for f in folder.iterdir()))


def _read(name: str) -> dict[str, Any]:
    place = resources.files(__package__) / "layouts" / f"{name}.toml"
    try:
        table = tomllib.loads(place.read_text("utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(
            "catalog_invalid", f"The layout {name!r} cannot be read: {error}.", "Correct the row."
        ) from error
    base = table.pop("extends", None)
    return _merged(_read(base), table) if base else table


def _merged(base: Table, over: Table) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        if key == "also_rename":
            merged["rename"] = [*value, *merged.get("rename", [])]
        elif isinstance(value, dict) and isinstance(merged.get(key), dict):
            merged[key] = _merged(merged[key], value)
        else:
            merged[key] = value
    return merged


def _part(name: str, table: Table) -> PartLayout:
    words = [(tuple(old.split(".")), tuple(new.split("."))) for old, new in table["rename"]]
    take: str | Iterable[str] = table["take"]
    return PartLayout(
        name=name,
        kind=table["kind"],
        roles=tuple(table["roles"]),
        take=(take,) if isinstance(take, str) else tuple(take),
        config=table["config"],
        leave=tuple(table.get("leave", ())),
        rename=tuple(words),
        drop=tuple(table.get("drop", ())),
        told=table.get("told", {}),
        derive=table.get("derive", ""),
        dtype=table.get("dtype", ""),
        packing=Packing(
            {piece: tuple(parts) for piece, parts in table.get("split", {}).items()},
            table.get("fold", {}),
        ),
    )


def _replaced(
    words: tuple[str, ...], old: tuple[str, ...], new: tuple[str, ...]
) -> tuple[str, ...]:
    found: list[str] = []
    place = 0
    while place < len(words):
        if words[place : place + len(old)] == old:
            found += new
            place += len(old)
        else:
            found.append(words[place])
            place += 1
    return tuple(found)
