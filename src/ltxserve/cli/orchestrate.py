"""`ltxserve orchestrate`: runs the jobs that API processes have taken; serves nothing itself."""

from __future__ import annotations

import queue
from typing import Annotated

import typer

from ltxserve.cli import logs
from ltxserve.cli.serve import started, told_to_end
from ltxserve.settings import load_settings


def orchestrate(
    json_logs: Annotated[
        bool, typer.Option("--json-logs", help="Log JSON lines on a terminal, too.")
    ] = False,
) -> None:
    """Run the jobs of `ltxserve serve --api-only`.

    One orchestrator per database works; a second one waits and takes over within seconds.
    """
    logs.set_up(True if json_logs else None)
    # Not an Event: a signal that comes while one is being waited for would wait for the lock that
    # the waiter holds, for ever. A SimpleQueue may be filled in a signal's handler.
    end = queue.SimpleQueue[None]()
    with told_to_end(lambda: end.put(None)):
        app = started(load_settings(), "orchestrator")
        try:
            typer.echo("ltxserve runs jobs", err=True)
            end.get()
        finally:
            app.close()
