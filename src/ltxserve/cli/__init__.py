"""The `ltxserve` command: one file per verb; turns errors into messages and exit codes.

Exit codes: 0 done, 1 failed, 2 refused (the request or the command line), 130 cancelled.
"""

from __future__ import annotations

import functools
import importlib
import json
import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer
from rich.console import Console

from ltxserve.errors import Cancelled, LtxserveError, RequestRefused

VERBS = {
    "generate": "ltxserve.cli.generate:generate",
    "stitch": "ltxserve.cli.stitch:stitch",
    "plan": "ltxserve.cli.plan:plan",
    "doctor": "ltxserve.cli.doctor:doctor",
    "serve": "ltxserve.cli.serve:serve",
    "orchestrate": "ltxserve.cli.orchestrate:orchestrate",
    "train": "ltxserve.cli.train:train",
}
"""Verb -> where its function is. Verb modules import heavy libraries inside their functions."""

GROUPS = {
    "models": "ltxserve.cli.models:group",
    "jobs": "ltxserve.cli.jobs:group",
    "accounts": "ltxserve.cli.accounts:group",
    "keys": "ltxserve.cli.keys:group",
    "db": "ltxserve.cli.db:group",
    "workers": "ltxserve.cli.workers:group",
}
"""First word -> where the commands below it are."""

app = typer.Typer(
    name="ltxserve",
    help="LTX video models: clips from prompts, pictures, video and sound.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def main(words: list[str] | None = None) -> None:
    """Run the command line (None = this process's own) and leave with its exit code."""
    words = sys.argv[1:] if words is None else words
    try:
        app(args=words, prog_name="ltxserve")
    except LtxserveError as error:
        report(error, as_json="--json" in words)
        sys.exit(exit_code(error))


def exit_code(error: LtxserveError) -> int:
    """2 for refusals, 130 for a cancelled run, 1 for everything else."""
    if isinstance(error, RequestRefused):
        return 2
    return 130 if isinstance(error, Cancelled) else 1


def report(error: LtxserveError, as_json: bool) -> None:
    """Say what went wrong: for people on stderr, as JSON on stdout."""
    if as_json:
        typer.echo(json.dumps({"ok": False, "error": error.to_dict()}, indent=2))
        return
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    if isinstance(error, RequestRefused):
        problems = [(p.message, p.hint, p.field, p.code) for p in error.problems]
    else:
        problems = [(error.message, error.hint, error.field, error.code)]
    for message, hint, field, code in problems:
        where = f"{field}: " if field else ""
        console.print(f"error: {where}{message} [{code}]", style="red", markup=False)
        if hint:
            console.print(f"  fix: {hint}", markup=False)


def cancellable(verb: Callable[..., Any]) -> Callable[..., Any]:
    """The verb, with Ctrl-C as Cancelled, so that it leaves through the same door as errors."""

    @functools.wraps(verb)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            return verb(*args, **kwargs)
        except KeyboardInterrupt:
            raise Cancelled() from None

    return run


def _version(wanted: bool) -> None:
    if wanted:
        from ltxserve import __version__

        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    del version  # its callback has done the work


def _register() -> None:
    for name, place in VERBS.items():
        app.command(name)(cancellable(_found(place)))
    for name, place in GROUPS.items():
        group: typer.Typer = _found(place)
        for command in group.registered_commands:
            command.callback = cancellable(command.callback) if command.callback else None
        app.add_typer(group, name=name)


def _found(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)


_register()
