"""The command: python -m benchmarks.tiny_eval --limit 20 --seed 1 --json out.json."""

from __future__ import annotations

import json
from itertools import chain
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.progress import track

from benchmarks.tiny_eval.cases import SUITES, Suite, cases
from benchmarks.tiny_eval.palette import Bytes
from benchmarks.tiny_eval.report import (
    Outcome,
    show_confusions,
    show_summary,
    summary,
    to_json,
)
from benchmarks.tiny_eval.run import run, with_engine
from ltxserve.errors import LtxserveError
from ltxserve.media.thumbnail import save_image


def main(
    limit: Annotated[int | None, typer.Option(help="At most so many cases of each suite.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the first case; each next one adds 1.")] = 0,
    suite: Annotated[Suite | None, typer.Option(help="Only this one.")] = None,
    model: Annotated[str, typer.Option(help="A model of the catalog.")] = "tiny",
    out: Annotated[Path | None, typer.Option("--json", help="Write everything here.")] = None,
    sheet: Annotated[Path, typer.Option(help="Where a picture of the failures goes.")] = Path(
        "out/tiny_eval_failures.png"
    ),
    check: Annotated[bool, typer.Option(help="Exit with 1 if a target is missed.")] = False,
) -> None:
    """Generate held-out prompts and measure what the clips show and sound like."""
    console = Console()
    chosen = SUITES if suite is None else (suite,)
    todo = list(chain.from_iterable(cases(name, limit) for name in chosen))
    outcomes: list[Outcome] = []
    failures: list[Bytes] = []
    made = run(todo, with_engine(model), seed, failures)
    try:
        for outcome in track(made, "generating", total=len(todo), console=console):
            outcomes.append(outcome)  # one by one, so that Ctrl-C still reports what is done
    except KeyboardInterrupt:
        console.print(f"stopped after {len(outcomes)} of {len(todo)} clips")
    except LtxserveError as error:
        console.print(f"[red]{error}[/red]\nstopped after {len(outcomes)} of {len(todo)} clips")
    if not outcomes:
        raise typer.Exit(1)
    lines = summary(outcomes)
    show_confusions(outcomes, console)
    show_summary(lines, console)
    if failures:
        sheet.parent.mkdir(parents=True, exist_ok=True)
        save_image(np.concatenate(failures), sheet)
        console.print(f"{len(failures)} clips failed a check: {sheet}")
    if out is not None:
        out.write_text(json.dumps(to_json(outcomes, lines), indent=1) + "\n", encoding="utf-8")
    complete = len(outcomes) == len(todo)
    if not complete or (check and not all(line.met for line in lines)):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
