"""`ltxserve train tiny`: trains the built-in model; resumable, with progress and sample sheets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ltxserve.errors import Problem, RequestRefused
from ltxserve.progress import Progress

MODELS = ("tiny",)


def train(
    model: Annotated[str, typer.Argument(help="What to train: tiny.")],
    folder: Annotated[
        Path, typer.Option("--folder", help="Checkpoints, logs and sample sheets.")
    ] = Path("out/train-tiny"),
    target: Annotated[
        Path | None, typer.Option("--target", help="Where the finished model goes.")
    ] = None,
    device: Annotated[str, typer.Option("--device", help="cpu or cuda.")] = "cpu",
    minutes: Annotated[
        float, typer.Option("--minutes", help="Stop after so long; the next call goes on.")
    ] = 1e6,
    compiled: Annotated[
        bool, typer.Option("--compile", help="A third quicker; needs a C++ compiler.")
    ] = False,
) -> None:
    """Train the built-in model from scratch, or go on where an earlier call stopped."""
    if model not in MODELS:
        raise RequestRefused(
            [Problem("unknown_model", f"{model} cannot be trained here.", "Use tiny.", "model")]
        )
    # Late: these load torch.
    from ltxserve.cli.bars import BarObserver
    from ltxserve.training.tiny.loop import Run
    from ltxserve.training.tiny.recipe import recipe_for, train_tiny

    console = Console(stderr=True, highlight=False)
    with BarObserver(console) as bars:
        run = Run(
            folder,
            minutes,
            on_step=lambda name, step, of, values: bars(Progress(name, step, of)),
        )
        done = train_tiny(
            run, recipe_for(device, compiled=compiled), device, target or folder / "model"
        )
    if done:
        typer.echo(str((target or folder / "model").resolve()))
    else:
        console.print(f"The minutes are up; call again to go on from {folder}.", markup=False)
