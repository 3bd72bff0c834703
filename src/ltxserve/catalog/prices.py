"""Price lists as data: sizes, rows of rates, points of a table; computes no price."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, get_args

from ltxserve.catalog.spec import Variant
from ltxserve.catalog.strict import build, wrong
from ltxserve.errors import LtxserveError


@dataclass(frozen=True)
class PricePoint:
    """A clip of so many seconds costs so many credits, whatever the rate says."""

    seconds: int
    credits: int


@dataclass(frozen=True)
class PriceRow:
    """What one variant costs in one size; points rise in seconds and credits."""

    variant: Variant
    size: str
    per_second: float
    points: tuple[PricePoint, ...] = ()


@dataclass(frozen=True)
class PriceList:
    """One way to charge. No rows: everything is free. minimum: of every clip, in credits."""

    name: str
    title: str
    rounding: Literal["down", "up"] = "down"
    minimum: int = 0
    rows: tuple[PriceRow, ...] = ()

    @property
    def is_free(self) -> bool:
        """Whether nothing is charged."""
        return not self.rows

    def row(self, variant: Variant, size: str) -> PriceRow | None:
        """The row of a variant and size, None where the list has no price."""
        return next((r for r in self.rows if (r.variant, r.size) == (variant, size)), None)


@dataclass(frozen=True)
class Prices:
    """All lists. sizes: name -> most pixels, smallest first; tiers: variant -> name for people."""

    sizes: Mapping[str, int]
    tiers: Mapping[str, str]
    lists: Mapping[str, PriceList]

    def price_list(self, name: str) -> PriceList:
        """The list of this name. Raises LtxserveError `unknown_price_list`."""
        found = self.lists.get(name)
        if found is None:
            raise LtxserveError(
                "unknown_price_list",
                f"No price list is named {name[:60]!r}.",
                f"Known: {', '.join(self.lists)}.",
                "price_list",
            )
        return found

    def size_of(self, pixels: int) -> str | None:
        """The smallest size that holds a picture of so many pixels, None above all of them."""
        return next((name for name, most in self.sizes.items() if pixels <= most), None)


def load_prices(path: Path | None = None) -> Prices:
    """The price lists of the package, or of an operator's own file of the same form.

    Raises ConfigurationError `catalog_invalid` for a file that cannot be read or is not consistent.
    """
    source = path or resources.files("ltxserve.catalog") / "prices.toml"
    try:
        return read_prices(tomllib.loads(source.read_text("utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise wrong(f"The price file cannot be read: {error}.", "Correct the file.") from None


def read_prices(data: Mapping[str, Any]) -> Prices:
    """The lists of a parsed file."""
    unknown = set(data) - {"sizes", "tiers", "lists"}
    if unknown or not {"sizes", "tiers", "lists"} <= set(data):
        raise wrong("The price file needs exactly sizes, tiers and lists.", "Correct the file.")
    sizes = dict(sorted(data["sizes"].items(), key=lambda item: item[1]))
    lists = {
        name: build(PriceList, {"name": name, **table}, f"lists.{name}")
        for name, table in data["lists"].items()
    }
    for listed in lists.values():
        _check(listed, sizes)
    missing = set(get_args(Variant)) - set(data["tiers"])
    if missing:
        raise wrong(f"tiers lacks {', '.join(sorted(missing))}.", "Add a name for people.")
    return Prices(MappingProxyType(sizes), MappingProxyType(data["tiers"]), MappingProxyType(lists))


def _check(listed: PriceList, sizes: Mapping[str, int]) -> None:
    seen: set[tuple[str, str]] = set()
    if listed.minimum < 0:
        raise wrong(f"lists.{listed.name} has a negative minimum.", "Use 0 or more.")
    for row in listed.rows:
        where = f"lists.{listed.name}, {row.variant} {row.size}"
        if row.size not in sizes:
            raise wrong(f"{where}: no such size.", f"Known: {', '.join(sizes)}.")
        if (row.variant, row.size) in seen:
            raise wrong(f"{where} is there twice.", "Remove one.")
        seen.add((row.variant, row.size))
        rising = [(point.seconds, point.credits) for point in row.points]
        costs = [credits for _, credits in rising]
        if rising != sorted(set(rising)) or costs != sorted(costs) or min([0, *costs]) < 0:
            raise wrong(f"{where}: points have to rise.", "Sort them; longer is never cheaper.")
        if row.per_second < 0:
            raise wrong(f"{where}: the rate is negative.", "Use 0 or more.")
