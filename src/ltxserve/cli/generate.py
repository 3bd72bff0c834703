"""`ltxserve generate`: a request becomes a file, with progress bars; leaves no half file behind."""

from __future__ import annotations

import itertools
import json
import re
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from ltxserve.cli.request import with_request
from ltxserve.errors import Problem, RequestRefused
from ltxserve.types import GenerationRequest

if TYPE_CHECKING:
    from ltxserve.engine.clip import ClipFile

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
    path = output or free_name(default_name(request))
    request = with_format(request, path)
    # Late: this loads what engines are made of.
    from ltxserve import shared_engine
    from ltxserve.cli.bars import BarObserver

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    with nullcontext() if quiet or as_json else BarObserver(console) as observer:
        made = shared_engine().write(request, path, observer)
    if as_json:
        typer.echo(json.dumps(summary(made), indent=2))
        return
    for warning in made.warnings:
        console.print(f"warning: {warning}", style="yellow", markup=False)
    for remark in made.report.remarks:
        console.print(remark, markup=False)
    if made.plan.asked_prompt is not None:
        console.print(f"prompt: {made.plan.prompt}", markup=False)
    console.print(measured(made), markup=False)
    typer.echo(str(made.path))


def default_name(request: GenerationRequest) -> Path:
    """A file name from the request's own or from its prompt, with the format's suffix."""
    suffix = SUFFIXES[request.output.format]
    own = request.output.file_name
    if own:
        return Path(own if own.lower().endswith(suffix) else own + suffix)
    words = re.sub(r"[^a-z0-9]+", "-", request.prompt.lower())[:NAME_LENGTH].strip("-")
    return Path((words or "clip") + suffix)


def free_name(path: Path) -> Path:
    """The path itself, or with -2, -3, ... where something has that name: no clip is lost."""
    others = (path.with_stem(f"{path.stem}-{number}") for number in itertools.count(2))
    return next(option for option in itertools.chain([path], others) if not option.exists())


def with_format(request: GenerationRequest, path: Path) -> GenerationRequest:
    """The request with the format of the path's suffix, so that the plan judges the right one.

    Raises RequestRefused where the request asks for another one.
    """
    from ltxserve.engine.clip import format_of

    kind, asked = format_of(path), request.output.format
    if asked != kind and "format" in request.output.model_fields_set:
        problem = Problem(
            "conflicting_fields",
            f"{path.name} is a {kind}, the request asks for {asked}.",
            f"Leave the format out, or name the file {path.stem}{SUFFIXES[asked]}.",
            "output.format",
        )
        raise RequestRefused([problem])
    return request.model_copy(update={"output": request.output.model_copy(update={"format": kind})})


def measured(made: ClipFile) -> str:
    """A written clip in one line for people."""
    file, report = made.file, made.report
    return (
        f"{file.width}x{file.height}, {file.num_frames} frames, {file.seconds:.1f} s "
        f"{'with sound' if file.has_sound else 'silent'}, seed {made.seed}; took "
        f"{sum(report.timings.values()):.1f} s, {report.peak_memory / 2**20:.0f} MiB at the peak"
    )


def summary(made: ClipFile) -> dict[str, Any]:
    """A written clip as JSON."""
    file, report = made.file, made.report
    return {
        "ok": True,
        "path": str(file.path),
        "media_type": file.media_type,
        "bytes": file.bytes,
        "sha256": file.sha256,
        **file.extent,
        "model": report.plan.model,
        "prompt": report.plan.prompt,
        "asked_prompt": report.plan.asked_prompt,
        "seed": made.seed,
        "timings": {name: round(value, 3) for name, value in report.timings.items()},
        "peak_memory": report.peak_memory,
        "warnings": list(report.warnings),
        "remarks": list(report.remarks),
    }
