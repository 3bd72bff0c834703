"""`ltxserve models`: every model of the catalog, what it can do, and whether it fits here.

`models list` is the same; what else can be done with them is in weights.py.
"""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from ltxserve.catalog import ModelSpec, load_catalog
from ltxserve.catalog.weights.needs import locate
from ltxserve.catalog.weights.places import Places
from ltxserve.cli import adapters, weights
from ltxserve.cli.room import Room, find_room, fits
from ltxserve.engine.plan import estimate_default
from ltxserve.settings import load_settings

group = typer.Typer(help="Models: list them, pull, find, check and remove their weights.")

_FEATURES = {
    "audio": "sound",
    "keyframes": "keyframes",
    "video": "video",
    "video_to_video": "video to video",
    "retake": "retake",
    "extend": "extend",
    "audio_to_video": "to a sound",
    "negative_prompt": "negative prompt",
    "loras": "LoRA",
    "upscale_spatial": "x2 size",
    "upscale_temporal": "x2 rate",
    "duration_head": "auto length",
    "enhance_prompt": "enhancer",
}
_COLOURS = {"yes": "green", "low_vram": "yellow", "no": "red"}


AsJson = Annotated[bool, typer.Option("--json", help="Print the rows as JSON.")]


@group.callback(invoke_without_command=True)
def models(context: typer.Context, as_json: AsJson = False) -> None:
    """List every model: licence, size, what it can do, whether it runs and fits here."""
    if context.invoked_subcommand is None:
        show(as_json)


@group.command("list")
def list_models(
    as_json: AsJson = False,
    here: Annotated[bool, typer.Option("--here", help="Only those whose files are here.")] = False,
) -> None:
    """List every model, or those whose files are on this machine."""
    show(as_json, here)


group.command("adapters")(adapters.adapters)
group.command("pull")(weights.pull_model)
group.command("where")(weights.where)
group.command("verify")(weights.verify_model)
group.command("rm")(weights.remove_model)


def show(as_json: bool, here: bool = False) -> None:
    """Print the rows, as a table or as JSON."""
    room = find_room()
    places = Places(configured=load_settings().models)
    present = {spec.name: is_here(spec, places) for spec in load_catalog().models.values()}
    rows = [spec for spec in load_catalog().models.values() if present[spec.name] or not here]
    if as_json:
        told = [{**describe(spec, room), "here": present[spec.name]} for spec in rows]
        typer.echo(json.dumps(told, indent=2))
        return
    console = Console()
    console.print(table(rows, room))
    memory = f"{gigabytes(room.ram)} memory"
    gpu = f", {gigabytes(room.vram)} on the GPU" if room.vram else ", no NVIDIA GPU"
    console.print(f"This machine: {memory}{gpu}. Needs are of the model's default clip.")
    names = ", ".join(spec.name for spec in rows if present[spec.name])
    console.print(f"Files are here of: {names or 'none'}.", markup=False)


def is_here(spec: ModelSpec, places: Places) -> bool:
    """Whether everything that loading a model needs is on this machine."""
    return bool(spec.weights) or not locate(spec, places).blocking


def describe(spec: ModelSpec, room: Room) -> dict[str, Any]:
    """A row as JSON data."""
    sizes = [file.bytes for file in spec.files]
    return {
        "name": spec.name,
        "title": spec.title,
        "aliases": list(spec.aliases),
        "family": spec.family,
        "version": spec.version,
        "variant": spec.variant,
        "precision": spec.precision,
        "runs": spec.runs,
        "reason": spec.reason or None,
        "fits": fits(spec, room),
        "memory_bytes": estimate_default(spec).peak,
        "memory_bytes_low_vram": estimate_default(spec, low_vram=True).peak,
        "repo": spec.repo,
        "diffusers_repo": spec.diffusers_repo or None,
        "file_bytes": sum(size or 0 for size in sizes) if any(sizes) else None,
        "licence": {
            "name": spec.licence.name,
            "title": spec.licence.title,
            "url": spec.licence.url,
        },
        "gated": spec.gated,
        "text_encoder": spec.text_encoder.name,
        "vae": spec.vae,
        "defaults": {
            "width": spec.defaults.width,
            "height": spec.defaults.height,
            "num_frames": spec.defaults.num_frames,
            "fps": spec.defaults.fps,
            "num_inference_steps": spec.sampling.steps,
            "guidance_scale": spec.sampling.video.scale,
        },
        "supports": features(spec),
        "note": spec.note or None,
    }


def features(spec: ModelSpec) -> list[str]:
    """What a model can do beyond text- and image-to-video, as request words."""
    able = [name for name in _FEATURES if getattr(spec.supports, name)]
    camera = [] if spec.supports.camera == "none" else [f"camera ({spec.supports.camera})"]
    return [*able, *camera, *(f"control ({kind})" for kind in spec.supports.controls)]


def table(rows: list[ModelSpec], room: Room) -> Table:
    """The rows for people."""
    made = Table(title="Models")
    for heading in ("model", "runs", "fits here?", "needs", "licence", "can"):
        made.add_column(heading, overflow="fold", no_wrap=heading == "model")
    for spec in rows:
        verdict = fits(spec, room)
        can = [words for name, words in _FEATURES.items() if getattr(spec.supports, name)]
        made.add_row(
            spec.name,
            "[green]yes[/]" if spec.runs else "[dim]not yet[/]",
            f"[{_COLOURS[verdict]}]{verdict}[/]",
            gigabytes(estimate_default(spec).peak),
            spec.licence.name + (" (gated)" if spec.gated else ""),
            ", ".join(can),
        )
    return made


def gigabytes(size: int) -> str:
    """Bytes for people."""
    return f"{size / 2**30:.1f} GiB"
