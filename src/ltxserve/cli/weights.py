"""`ltxserve models pull | where | verify | rm`: the weights of models on this machine."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.prompt import Confirm
from rich.table import Table

from ltxserve.catalog import load_catalog
from ltxserve.catalog.weights.adapters import (
    AdapterRow,
    every_row,
    locate_row,
    may_have_pulled,
    named_row,
)
from ltxserve.catalog.weights.hub import Hub, offline
from ltxserve.catalog.weights.keep import remove, verify
from ltxserve.catalog.weights.licences import Licensed, accept, is_accepted
from ltxserve.catalog.weights.needs import Need
from ltxserve.catalog.weights.places import Places
from ltxserve.catalog.weights.pull import Wish, pull
from ltxserve.cli.bars import PullBars
from ltxserve.errors import ModelUnavailable
from ltxserve.settings import Settings, load_settings

Name = Annotated[
    str, typer.Argument(help="A model's name or alias, or an adapter's name.", show_default=False)
]
Folder = Annotated[
    Path | None,
    typer.Option("--models-dir", help="Look here first, and pull into it; else LTXSERVE_MODELS."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]


def pull_model(
    name: Name,
    accept_licence: Annotated[
        bool, typer.Option("--accept-licence", help="Accept the weights' licence.")
    ] = False,
    diffusers: Annotated[
        bool, typer.Option("--diffusers", help="The diffusers form in place of the vendor's files.")
    ] = False,
    only_needed: Annotated[
        bool, typer.Option("--only-needed", help="Leave out upscalers and adapters.")
    ] = False,
    models_dir: Folder = None,
    quiet: Quiet = False,
) -> None:
    """Download the files of a model or adapter; what is (half) there is not fetched again."""
    settings, spec = load_settings(), named_row(name, load_catalog())
    places = places_of(settings, models_dir)
    if isinstance(spec, AdapterRow):
        diffusers = False
    elif spec.weights:
        typer.echo(f"{spec.name} is built in; there is nothing to download.")
        return
    elif diffusers and not spec.diffusers_repo:
        raise ModelUnavailable(
            "weights_missing",
            f"Nobody published {spec.name} in the diffusers form.",
            "Pull the vendor's files: leave out --diffusers.",
            "model",
        )
    if settings.offline:
        raise offline(spec.name)
    accepted = settings.licences
    agree(spec, places, accepted, accept_licence)
    token = settings.hf_token.get_secret_value() if settings.hf_token is not None else None
    wish = Wish(spec, "diffusers" if diffusers else "files", only_needed, accepted)
    with PullBars(quiet) as bars:
        paths = pull(wish, places, Hub(token=token), bars)
    for path in paths:
        typer.echo(str(path))


def agree(spec: Licensed, places: Places, accepted: tuple[str, ...], given: bool) -> None:
    """Show the licence; note its acceptance where it is given, or said at a terminal."""
    licence, target = spec.licence, places.target()
    typer.echo(f"Licence of {spec.name}: {licence.title}\n  {licence.url}", err=True)
    if licence.note:
        typer.echo(f"  {licence.note}", err=True)
    if is_accepted(licence, target, accepted):
        return
    if given or (sys.stdin.isatty() and Confirm.ask("Do you accept it?", default=False)):
        accept(licence, target)


def where(name: Name, models_dir: Folder = None, as_json: AsJson = False) -> None:
    """Say where a model's or adapter's files lie, which are missing; fails if some are needed."""
    spec = named_row(name, load_catalog())
    places = places_of(load_settings(), models_dir)
    located = locate_row(spec, places)
    built_in = not may_have_pulled(spec)
    rows: list[tuple[Need, str | None]] = [
        (need, str(path)) for need, path in located.found.items()
    ]
    rows += [(need, None) for need in located.missing]
    if as_json:
        told = {
            "model": spec.name,
            "form": "built in" if built_in else located.form,
            "target": str(places.target()),
            "files": [_row(need, path) for need, path in rows],
            "complete": not located.blocking,
        }
        typer.echo(json.dumps(told, indent=2))
    elif built_in:
        typer.echo(f"{spec.name} is built in.")
    else:
        _show(rows)
        typer.echo(f"Pulled files go to {places.target()}")
    if located.blocking:
        raise typer.Exit(1)


def _row(need: Need, path: str | None) -> dict[str, object]:
    return {"role": need.role, "repo": need.repo, "file": need.path, "path": path}


def _show(rows: list[tuple[Need, str | None]]) -> None:
    table = Table()
    for heading in ("role", "file", "where"):
        table.add_column(heading, overflow="fold")
    for need, path in rows:
        table.add_row(need.role, need.name, path or "[red]missing[/]")
    Console().print(table)


def verify_model(name: Name, models_dir: Folder = None, quiet: Quiet = False) -> None:
    """Read the files of a model or adapter and compare them with what was pulled; fails if one is
    not whole.
    """
    spec = named_row(name, load_catalog())
    places = places_of(load_settings(), models_dir)
    with PullBars(quiet) as bars:
        checked = verify(spec, places, bars.checking)
    for item in checked:
        verdict = item.fault or f"whole (by {item.by})"
        typer.echo(f"{item.path}: {verdict}")
    located = locate_row(spec, places)
    for need in located.missing:
        typer.echo(f"{need.name}: missing" + ("" if need in located.blocking else " (optional)"))
    if located.blocking or any(item.fault for item in checked):
        raise typer.Exit(1)


def remove_model(
    name: Name,
    models_dir: Folder = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete the pulled files of a model or adapter, less those that another one here needs."""
    catalog = load_catalog()
    spec = named_row(name, catalog)
    places = places_of(load_settings(), models_dir)
    if not may_have_pulled(spec):
        typer.echo(f"{spec.name} is built in and stays.")
        return
    if not yes and not Confirm.ask(f"Delete the files of {spec.name} in {places.target()}?"):
        raise typer.Exit(1)
    others = [other for other in every_row(catalog) if other.name != spec.name]
    gone, kept = remove(spec, others, places)
    for path in gone:
        typer.echo(f"deleted {path}")
    for path in kept:
        typer.echo(f"kept {path}: another model or adapter needs it")
    if not gone and not kept:
        typer.echo("Nothing was pulled.")


def places_of(settings: Settings, models_dir: Path | None) -> Places:
    """Where weights are looked for by the command line and the settings."""
    return Places(explicit=models_dir, configured=settings.models)
