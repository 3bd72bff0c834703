"""`ltxserve models adapters`: every adapter of the catalog, what for, and whether it is here."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from ltxserve.catalog import load_catalog
from ltxserve.catalog.spec import LoraSpec
from ltxserve.catalog.weights.adapters import AdapterRow, locate_row
from ltxserve.catalog.weights.places import Places
from ltxserve.settings import load_settings

_HERE = {True: "[green]yes[/]", False: "[dim]no[/]"}


def adapters(
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="Only those for this model.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the rows as JSON.")] = False,
) -> None:
    """List every adapter: what it does, for which models, its licence, whether it is here."""
    catalog = load_catalog()
    name = None if model is None else catalog.model(model).name
    places = Places(configured=load_settings().models)
    shown = [row for row in catalog.loras.values() if name is None or is_for(row, name)]
    rows = [
        describe(row, here=not locate_row(AdapterRow.of(row, catalog), places).blocking)
        for row in shown
    ]
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
    elif rows:
        Console().print(table(rows))
    else:
        typer.echo(f"The catalog has no adapter for {name}.")


def is_for(row: LoraSpec, model: str) -> bool:
    """Whether an adapter was trained on a model, or is reported to load on it."""
    return model.startswith((*row.base, *row.untested))


def describe(row: LoraSpec, *, here: bool) -> dict[str, Any]:
    """A row as JSON data."""
    return {
        "name": row.name,
        "kind": row.kind,
        "for": list(row.base),
        "untested_on": list(row.untested),
        "strength": row.strength,
        "trigger": row.trigger or None,
        "licence": row.licence,
        "repo": row.repo,
        "bytes": row.bytes,
        "here": here,
        "note": row.note or None,
    }


def table(rows: list[dict[str, Any]]) -> Table:
    """The rows for people."""
    made = Table(title="Adapters")
    for heading in ("adapter", "kind", "for", "strength", "licence", "here?"):
        made.add_column(heading, overflow="fold", no_wrap=heading == "adapter")
    for row in rows:
        untested = [f"{name} (untested)" for name in row["untested_on"]]
        models = ", ".join((*row["for"], *untested))
        strength = f"{row['strength']:g}"
        made.add_row(row["name"], row["kind"], models, strength, row["licence"], _HERE[row["here"]])
    return made
