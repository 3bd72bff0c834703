"""`ltxserve plan`: a dry run; shows what would run, and runs nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from ltxserve.catalog import load_catalog
from ltxserve.cli.generate import with_format
from ltxserve.cli.models import gigabytes
from ltxserve.cli.request import with_request
from ltxserve.engine import plan as planning
from ltxserve.engine.plan import Guidance, Plan, Stage
from ltxserve.engine.settle import settle
from ltxserve.types import GenerationRequest, Shape


@with_request
def plan(
    request: GenerationRequest,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File that would be written; nothing is."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the plan as JSON.")] = False,
) -> None:
    """Show what a request would run: sizes, steps, stages, memory. Generates nothing."""
    catalog = load_catalog()
    request = with_format(request, output) if output else request
    made = planning.plan(settle(request, catalog), catalog)
    if as_json:
        typer.echo(json.dumps(made.to_dict(), indent=2))
        return
    show(Console(), made)


def show(console: Console, made: Plan) -> None:
    """The plan for people."""
    facts = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    for name, value in summary(made).items():
        facts.add_row(f"[bold]{name}[/]", value)
    console.print(facts)
    stages = Table("stage", "steps", "clip")
    for stage in made.stages:
        stages.add_row(stage.kind, str(stage.steps), clip(stage.shape))
    console.print(stages)
    for warning in made.warnings:
        console.print(f"warning: {warning}", style="yellow", markup=False)


def summary(made: Plan) -> dict[str, str]:
    """The plan's facts by name, as text without markup."""
    fitted = "" if made.fit == "none" else f", generated {size(made.generate)} and {made.fit}"
    seconds = made.estimated_seconds
    facts = {
        "model": made.model,
        "prompt": made.prompt + (" (written out first)" if made.asked_prompt else ""),
        "negative": made.negative_prompt,
        "clip": clip(made.deliver) + fitted,
        "length": length(made),
        "file": made.output.format + (" with sound" if made.generate_audio else ", silent"),
        "seed": "random" if made.seed is None else str(made.seed),
        "steps": steps(made.stages, made.sigmas),
        "guidance": guidance(made.guidance) + changing(made),
        "sound guidance": guidance(made.audio_guidance) if made.generate_audio else "",
        "made from": made_from(made),
        "conditions": ", ".join(f"{c.source[:60]} at frame {c.frame}" for c in made.conditions),
        "adapters": ", ".join(adapters(made)),
        "memory": f"about {gigabytes(made.memory.peak)} at the peak",
        "time": "" if seconds is None else f"about {seconds:g} s",
    }
    return {name: text.replace("[", r"\[") for name, text in facts.items() if text}


def length(made: Plan) -> str:
    """What the model may choose from, where the length is its choice."""
    if made.auto_length is None:
        return ""
    least, most, fps = made.auto_length.min_frames, made.auto_length.max_frames, made.deliver.fps
    return f"the model's choice: {least / fps:.1f} to {most / fps:.1f} s, planned for the longest"


def steps(stages: tuple[Stage, ...], sigmas: tuple[float, ...] | None) -> str:
    """Steps of all denoising stages, and where the noise levels come from."""
    counts = " + ".join(str(stage.steps) for stage in stages if stage.kind == "denoise")
    return counts + (" (the scheduler's noise levels)" if sigmas is None else "")


def adapters(made: Plan) -> list[str]:
    """Those of the whole run, and those of one pass alone."""
    shared = [f"{lora.name} at {lora.strength:g}" for lora in made.loras]
    own = (
        f"{lora.name} at {lora.strength:g} in pass {number}"
        for number, stage in enumerate(made.passes, start=1)
        for lora in stage.loras
    )
    return [*shared, *own]


def made_from(made: Plan) -> str:
    """The video or the sound that the clip is made from, and how."""
    if made.extend is not None:
        parts = " + ".join(str(part.new) for part in made.extend.segments)
        return f"{made.extend.source[:60]}, {parts} frames more at its {made.extend.direction}"
    if made.retake is not None:
        span = f"frames {made.retake.first_frame} to {made.retake.end_frame - 1}"
        what = [name for name in ("video", "audio") if getattr(made.retake, name)]
        return f"{made.retake.source[:60]}, {span} anew ({' and '.join(what)})"
    told = []
    if made.video_to_video is not None:
        way = made.video_to_video
        told.append(f"{way.source[:60]} at strength {way.strength:g}")
    if made.sound is not None:
        told.append(f"{made.sound.source[:60]} from second {made.sound.start:g}")
    return ", ".join(told)


def guidance(terms: Guidance) -> str:
    """The guidance terms that are on."""
    on = {
        "scale": (terms.guidance_scale, 1.0),
        "stg": (terms.stg_scale, 0.0),
        "rescale": (terms.rescale, 0.0),
        "modality": (terms.modality_scale, 1.0),
    }
    return ", ".join(f"{name} {value:g}" for name, (value, off) in on.items() if value != off)


def changing(made: Plan) -> str:
    """That guidance is another one in some steps, where it is."""
    return ", changing on the way" if any(stage.guidances for stage in made.passes) else ""


def clip(shape: Shape) -> str:
    """A clip's shape in words."""
    return f"{size(shape)}, {shape.num_frames} frames at {shape.fps:g} fps ({shape.seconds:.2f} s)"


def size(shape: Shape) -> str:
    """Width x height."""
    return f"{shape.width}x{shape.height}"
