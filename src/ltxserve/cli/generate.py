"""`ltxserve generate`: a request becomes a file, with progress bars; leaves no half file behind."""

from __future__ import annotations

import json
import re
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from ltxserve.cli.request import with_request
from ltxserve.engine.plan import parse_request
from ltxserve.settings import load_settings
from ltxserve.types import GenerationRequest

SUFFIXES = {"mp4": ".mp4", "webm": ".webm", "gif": ".gif", "png": ""}
NAME_LENGTH = 48


@with_request
def generate(
    request: GenerationRequest,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File to write; its suffix chooses the format."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
) -> None:
    """Generate a clip and write it to a file."""
    path = output or Path(default_name(request))
    request = with_format(request, path)
    # Late: these load torch.
    from ltxserve.cli.bars import BarObserver
    from ltxserve.engine.backends.base import Placement
    from ltxserve.engine.engine import Engine

    settings = load_settings()
    engine = Engine(Placement(settings.device, settings.dtype, settings.models_dir))
    console = Console(stderr=True, highlight=False)
    with nullcontext() if quiet or as_json else BarObserver(console) as observer:
        made = engine.write(request, path, observer)
    if as_json:
        typer.echo(json.dumps(summary(made), indent=2))
        return
    for warning in made.report.warnings:
        console.print(f"warning: {warning}", style="yellow", markup=False)
    file = made.file
    console.print(
        f"{file.width}x{file.height}, {file.num_frames} frames, seed {made.seed}, "
        f"{sum(made.report.timings.values()):.1f} s, "
        f"{made.report.peak_memory / 2**20:.0f} MiB at the peak",
        markup=False,
    )
    typer.echo(str(made.path))


def default_name(request: GenerationRequest) -> str:
    """A file name from the request's own or from its prompt."""
    if request.output.file_name:
        return request.output.file_name
    words = re.sub(r"[^a-z0-9]+", "-", request.prompt.lower())[:NAME_LENGTH].strip("-")
    return (words or "clip") + SUFFIXES[request.output.format]


def with_format(request: GenerationRequest, path: Path) -> GenerationRequest:
    """The request with the format that the path's suffix asks for, so that the plan judges the right one."""
    from ltxserve.engine.clip import format_of

    data = request.model_dump()
    data["output"]["format"] = format_of(path)
    return parse_request(data)


def summary(made: Any) -> dict[str, Any]:
    """A written clip as JSON."""
    file, report = made.file, made.report
    return {
        "ok": True,
        "path": str(file.path),
        "media_type": file.media_type,
        "bytes": file.bytes,
        "sha256": file.sha256,
        "width": file.width,
        "height": file.height,
        "num_frames": file.num_frames,
        "fps": float(file.fps),
        "has_sound": file.has_sound,
        "model": report.plan.model,
        "seed": made.seed,
        "timings": {name: round(value, 3) for name, value in report.timings.items()},
        "peak_memory": report.peak_memory,
        "warnings": list(report.warnings),
    }
