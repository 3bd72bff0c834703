"""The files of the catalog's adapters: where they lie, and what a pull of one needs to know; and
what adapters and models have in common as things that are pulled.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ltxserve.catalog.catalog import Catalog
from ltxserve.catalog.spec import Licence, LoraSpec, ModelSpec
from ltxserve.catalog.weights.needs import ADAPTER, Located, Need, locate, needs, place_of
from ltxserve.catalog.weights.places import Places


@dataclass(frozen=True)
class AdapterRow:
    """An adapter of the catalog as something to pull: its licence, and its one file."""

    name: str
    licence: Licence
    need: Need

    @classmethod
    def of(cls, row: LoraSpec, catalog: Catalog) -> AdapterRow:
        """A row of the catalog."""
        return cls(row.name, catalog.licences[row.licence], need_of(row))


def need_of(row: LoraSpec) -> Need:
    """The file of an adapter."""
    return Need(ADAPTER, row.repo, row.file, is_folder=not row.file, bytes=row.bytes)


Row = ModelSpec | AdapterRow
"""What can be pulled by its name."""


def named_row(name: str, catalog: Catalog) -> Row:
    """The row of a name: an adapter's, if one is called so, else a model's.

    Raises LtxserveError `unknown_model`.
    """
    row = catalog.loras.get(name.strip().lower())
    return catalog.model(name) if row is None else AdapterRow.of(row, catalog)


def every_row(catalog: Catalog) -> tuple[Row, ...]:
    """All models and adapters."""
    adapters = (AdapterRow.of(row, catalog) for row in catalog.loras.values())
    return (*catalog.models.values(), *adapters)


def may_have_pulled(row: Row) -> frozenset[Need]:
    """What a pull of a row fetches, in every form there is of it."""
    if isinstance(row, AdapterRow):
        return frozenset((row.need,))
    whole = needs(row, "diffusers") if row.diffusers_repo else ()
    return frozenset((*needs(row), *whole))


def locate_row(row: Row, places: Places) -> Located:
    """Where a row's files lie."""
    return locate_adapter(row, places) if isinstance(row, AdapterRow) else locate(row, places)


def locate_adapter(row: AdapterRow, places: Places) -> Located:
    """Where an adapter's file lies, as `locate` says it of models."""
    path = place_of(row.need, places)
    found = {} if path is None else {row.need: path}
    return Located("files", found, () if found else (row.need,))


def place_of_path(path: str, places: Places) -> Path | None:
    """Where a file that was named by its path lies: there, or under a folder of weights."""
    direct = Path(path).expanduser()
    if direct.is_file():
        return direct
    if direct.is_absolute() or ".." in direct.parts:
        return None
    inside = (folder / direct for folder in places.folders())
    return next((place for place in inside if place.is_file()), None)
