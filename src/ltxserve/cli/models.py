"""`ltxserve models`: every model of the catalog, what it can do, and whether it fits here."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from ltxserve.catalog import ModelSpec, load_catalog
from ltxserve.cli.room import Room, find_room, fits
from ltxserve.engine.plan import estimate_default

_FEATURES = {
    "audio": "sound",
    "keyframes": "keyframes",
    "video": "video",
    "negative_prompt": "negative prompt",
    "loras": "LoRA",
    "upscale_spatial": "x2 size",
    "upscale_temporal": "x2 rate",
}
_COLOURS = {"yes": "green", "low_vram": "yellow", "no": "red"}


def models(
    as_json: Annotated[bool, typer.Option("--json", help="Print the rows as JSON.")] = False,
) -> None:
    """List every model: licence, size, what it can do, whether it runs and fits here."""
    room = find_room()
    rows = load_catalog().models.values()
    if as_json:
        typer.echo(json.dumps([describe(spec, room) for spec in rows], indent=2))
        return
    console = Console()
    console.print(table(list(rows), room))
    memory = f"{gigabytes(room.ram)} memory"
    gpu = f", {gigabytes(room.vram)} on the GPU" if room.vram else ", no NVIDIA GPU"
    console.print(f"This machine: {memory}{gpu}. Needs are of the model's default clip.")


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
