"""`ltxserve doctor`: what this machine can do, what is missing, and the fix. Changes nothing."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
import re
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.table import Table

from ltxserve.catalog import Catalog, load_catalog
from ltxserve.cli.machine import ENCODERS, Machine, look
from ltxserve.cli.room import Fits, Room, fits
from ltxserve.errors import ConfigurationError
from ltxserve.settings import Settings, load_settings

Level = Literal["problem", "warning"]

ENGINE_FIX = "Install it: pip install -c constraints.txt 'ltxserve[engine]' (or make setup)."
NEEDED = ("torch", "diffusers", "transformers", "accelerate")
EXACT = re.compile(r"(?P<name>[\w.-]+)\s*==\s*(?P<pin>[\w.]+)")
LITTLE_DISK = 2 * 2**30
GIB = 2**30
COLOURS: dict[Fits, str] = {"yes": "green", "low_vram": "yellow", "no": "red"}


@dataclass(frozen=True)
class Finding:
    """Something wrong: a problem stops generation, a warning limits it; hint says what to do."""

    level: Level
    what: str
    hint: str


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Show devices, memory, number formats, encoders, versions and which models fit.

    Exits with 1 when something stops clips from being generated here.
    """
    settings, found = read_settings()
    catalog = load_catalog()
    machine = look(weights_folder(settings))
    found += [*engine_findings(machine), *media_findings(machine), *weight_findings(catalog)]
    verdicts: dict[str, Fits] = {
        name: fits(spec, room(machine)) for name, spec in catalog.models.items()
    }
    if as_json:
        typer.echo(json.dumps(report(machine, found, catalog, verdicts), indent=2))
    else:
        waiting = {name for name, spec in catalog.models.items() if not spec.runs}
        show(Console(), machine, found)
        show_fits(Console(), verdicts, waiting)
    raise typer.Exit(1 if any(finding.level == "problem" for finding in found) else 0)


def read_settings() -> tuple[Settings | None, list[Finding]]:
    """The settings, or None and the finding that says which one is wrong."""
    try:
        return load_settings(), []
    except ConfigurationError as error:
        return None, [Finding("problem", error.message, error.hint)]


def weights_folder(settings: Settings | None) -> Path:
    """Where downloaded weights would go, whose disk is the one to measure."""
    named = (
        [settings.models, settings.hf_hub_cache, settings.hf_home] if settings is not None else []
    )
    return next((path for path in named if path is not None), Path.home())


def engine_findings(machine: Machine) -> list[Finding]:
    """Packages of the engine that are missing, do not load, or are not the tested version."""
    missing = [name for name in NEEDED if machine.versions.get(name) is None]
    found = [
        Finding("problem", f"{name} is not installed: plans work, clips do not.", ENGINE_FIX)
        for name in missing
    ]
    if not machine.devices and "torch" not in missing:
        hint = "Run python -c 'import torch' to see why; reinstall the build for this machine."
        found.append(Finding("problem", "torch is installed but does not load.", hint))
    for name, pin in pins().items():
        have = machine.versions.get(name)
        if have is not None and have.partition("+")[0] != pin:
            what = f"{name} is {have}; this version was tested with {pin}."
            found.append(Finding("warning", what, ENGINE_FIX))
    return found


def pins() -> dict[str, str]:
    """Packages that ltxserve requires at one exact version; empty where it is not installed."""
    try:
        required = importlib.metadata.requires("ltxserve") or []
    except importlib.metadata.PackageNotFoundError:
        return {}
    exact = (EXACT.match(line) for line in required)
    return {found["name"]: found["pin"] for found in exact if found}


def media_findings(machine: Machine) -> list[Finding]:
    """Encoders that are not there, and a disk that is nearly full."""
    found = [
        Finding("warning", f"No {name} encoder: {use} cannot be written.", "Reinstall av.")
        for name, use in ENCODERS.items()
        if not machine.encoders.get(name)
    ]
    if machine.disk_free < LITTLE_DISK:
        what = f"{machine.disk_free / GIB:.1f} GiB free at {machine.disk_path}."
        found.append(Finding("warning", what, "Free some, or set LTXSERVE_MODELS elsewhere."))
    return found


def weight_findings(catalog: Catalog) -> list[Finding]:
    """Models that ship with the package and whose files are not there."""
    here = resources.files("ltxserve.catalog")
    return [
        Finding("problem", f"The weights of {spec.name} are missing.", "Reinstall ltxserve.")
        for spec in catalog.models.values()
        if spec.weights and not (here / spec.weights).is_dir()
    ]


def room(machine: Machine) -> Room:
    """What models have to fit into: main memory, and the largest CUDA card."""
    cards = [device.memory_total for device in machine.devices if device.kind == "cuda"]
    return Room(ram=machine.memory_total, vram=max(cards, default=None))


def report(
    machine: Machine, found: list[Finding], catalog: Catalog, verdicts: dict[str, Fits]
) -> dict[str, Any]:
    """Everything as plain JSON data."""
    return {
        "ok": not any(finding.level == "problem" for finding in found),
        "machine": dataclasses.asdict(machine),
        "findings": [dataclasses.asdict(finding) for finding in found],
        "models": [
            {"name": name, "fits": verdicts[name], "runs": spec.runs}
            for name, spec in catalog.models.items()
        ],
    }


def show(console: Console, machine: Machine, found: list[Finding]) -> None:
    """The same for people: tables, then what is wrong."""
    console.print(f"{machine.system}, Python {machine.python}, {machine.cpu_count} cores")
    console.print(
        f"Memory {gib(machine.memory_free)} free of {gib(machine.memory_total)}, "
        f"disk {gib(machine.disk_free)} free at {machine.disk_path}"
    )
    console.print(device_table(machine))
    console.print(
        "Encoders:",
        ", ".join(
            name if there else f"[red]no {name}[/]" for name, there in machine.encoders.items()
        ),
    )
    console.print(
        "Versions:",
        ", ".join(f"{name} {v or '[red]missing[/]'}" for name, v in machine.versions.items()),
    )
    for finding in found:
        colour = "red" if finding.level == "problem" else "yellow"
        console.print(f"[{colour}]{finding.level}[/]  {finding.what} {finding.hint}")
    if not found:
        console.print("[green]Nothing is missing.[/]")


def show_fits(console: Console, verdicts: dict[str, Fits], waiting: set[str]) -> None:
    """Which models' default clips fit here; those that this build cannot run yet are marked."""
    for verdict, colour in COLOURS.items():
        names = [name for name, fits_here in verdicts.items() if fits_here == verdict]
        if names:
            marked = (f"{name}*" if name in waiting else name for name in names)
            console.print(f"[{colour}]Fits: {verdict}[/]  {', '.join(marked)}")
    if waiting:
        console.print("* in the catalog, not yet in this build", style="dim")


def device_table(machine: Machine) -> Table:
    """One row per device and one column per number format."""
    formats = list(machine.devices[0].formats) if machine.devices else []
    table = Table("device", "memory", *formats)
    for device in machine.devices:
        uses = [device.formats[name] for name in formats]
        table.add_row(f"{device.kind}: {device.name}", gib(device.memory_total), *uses)
    if not machine.devices:
        table.add_row("none: torch is missing or does not load", "")
    return table


def gib(size: int) -> str:
    """Bytes for people."""
    return f"{size / GIB:.1f} GiB"
