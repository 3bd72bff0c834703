"""`ltxserve db`: bring the database up to date, copy it while it is used."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ltxserve.cli.database import open_database
from ltxserve.settings import load_settings

group = typer.Typer(no_args_is_help=True, help="The service's database.")


@group.command()
def upgrade() -> None:
    """Create the tables, or bring them to the newest form; safe to repeat."""
    with open_database(load_settings()) as database:
        from ltxserve.jobs.engine import migrate

        migrate(database)
        typer.echo(f"up to date: {database.url.render_as_string(hide_password=True)}")


@group.command()
def backup(
    path: Annotated[Path, typer.Argument(help="The new file; it must not exist.")],
) -> None:
    """Write a consistent copy of a SQLite database, also while the service runs."""
    with open_database(load_settings(), upgrade=False) as database:
        database.backup(path)
    typer.echo(str(path.resolve()))
