"""`ltxserve train`: the built-in model, then its upsamplers; resumable, with sample sheets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ltxserve.errors import ModelUnavailable, Problem, RequestRefused
from ltxserve.progress import Progress

MODELS = ("tiny", "tiny-upsamplers")


def train(
    model: Annotated[str, typer.Argument(help="What to train: tiny, or tiny-upsamplers on it.")],
    folder: Annotated[
        Path, typer.Option("--folder", help="Checkpoints, logs and sample sheets.")
    ] = Path("out/train-tiny"),
    target: Annotated[
        Path | None, typer.Option("--target", help="The finished model: FOLDER/model.")
    ] = None,
    device: Annotated[str, typer.Option("--device", help="cpu or cuda.")] = "cpu",
    minutes: Annotated[
        float, typer.Option("--minutes", help="Stop after so long; the next call goes on.")
    ] = 1e6,
    compiled: Annotated[
        bool, typer.Option("--compile", help="A third quicker; needs a C++ compiler.")
    ] = False,
) -> None:
    """Train the built-in model from scratch, or go on where an earlier call stopped.

    tiny-upsamplers are fitted to a finished model's pictures, and put into it.
    """
    if model not in MODELS:
        raise RequestRefused(
            [
                Problem(
                    "unknown_model",
                    f"{model} cannot be trained here.",
                    f"Use {' or '.join(MODELS)}.",
                    "model",
                )
            ]
        )
    # Late: these load torch.
    from ltxserve.cli.bars import BarObserver
    from ltxserve.training.tiny.fit_upsamplers import train_upsamplers
    from ltxserve.training.tiny.loop import Run
    from ltxserve.training.tiny.recipe import recipe_for, train_tiny

    finished = target or folder / "model"
    if model != "tiny" and not (finished / "vae").is_dir():
        raise ModelUnavailable(
            "weights_missing",
            f"There is no finished model in {finished}.",
            "Train it first, or name it with --target.",
            "target",
        )
    console = Console(stderr=True, highlight=False)
    with BarObserver(console) as bars:
        run = Run(
            folder,
            minutes,
            on_step=lambda name, step, of, values: bars(Progress(name, step, of)),
        )
        if model == "tiny":
            done = train_tiny(run, recipe_for(device, compiled=compiled), device, finished)
        else:
            done = train_upsamplers(run, finished, device)
    if done:
        typer.echo(str(finished.resolve()))
    else:
        console.print(f"The minutes are up; call again to go on from {folder}.", markup=False)
