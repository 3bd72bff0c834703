"""`ltxserve keys`: make, list and revoke API keys. For the operator, on the database."""

from __future__ import annotations

import datetime
import json
import time
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from ltxserve.cli.database import open_database
from ltxserve.settings import load_settings

group = typer.Typer(no_args_is_help=True, help="API keys.")

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@group.command()
def create(
    account: Annotated[str, typer.Option("--account", help="Its name or id.")] = "local",
    scope: Annotated[
        list[str] | None, typer.Option("--scope", help="read, generate, admin or *; repeatable.")
    ] = None,
    label: Annotated[str, typer.Option("--label", help="To tell keys apart.")] = "",
    days: Annotated[
        float | None, typer.Option("--days", help="Days until it ends; else never.", min=0.0)
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a key and print it; it cannot be shown again."""
    settings = load_settings()
    with open_database(settings) as database:
        # Late, as the database's libraries are: help and planning never load them.
        from ltxserve.accounts.keys import Keys
        from ltxserve.accounts.scopes import USER
        from ltxserve.accounts.secret import load_secret

        given = settings.secret_key
        secret = load_secret(settings.folder, given.get_secret_value() if given else None)
        ends = None if days is None else time.time() + days * 86400
        with database.begin() as conn:
            scopes = tuple(scope or USER)
            row, key = Keys.of(secret).create(conn, account, scopes, label, ends)
    typer.echo(json.dumps({**vars(row), "key": key}, indent=2) if as_json else key)


@group.command("list")
def list_(
    account: Annotated[
        str | None, typer.Option("--account", help="Only those of this name or id.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show every key without its secret; revoked ones too."""
    with open_database(load_settings()) as database:
        from ltxserve.accounts.accounts import get_account, list_accounts
        from ltxserve.accounts.keys import list_keys

        with database.read() as conn:
            names = {found.id: found.name for found in list_accounts(conn)}
            rows = list_keys(conn, None if account is None else get_account(conn, account).id)
    if as_json:
        typer.echo(json.dumps([vars(row) for row in rows], indent=2))
        return
    made = Table(title="Keys")
    for heading in ("id", "account", "label", "scopes", "created", "last used", "ends", "revoked"):
        made.add_column(heading, overflow="fold")
    for row in rows:
        times = (row.created_at, row.last_used_at, row.expires_at, row.revoked_at)
        who = (row.id, names[row.account_id], row.label, " ".join(row.scopes))
        made.add_row(*who, *(_day(moment) for moment in times))
    Console().print(made)


@group.command()
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="As `keys list` shows it.")],
    as_json: Json = False,
) -> None:
    """End a key at once and for good."""
    with open_database(load_settings()) as database:
        from ltxserve.accounts.keys import revoke_key

        with database.begin() as conn:
            row = revoke_key(conn, key_id)
    typer.echo(json.dumps(vars(row), indent=2) if as_json else f"{row.id} is revoked")


def _day(moment: float | None) -> str:
    if moment is None:
        return "-"
    return datetime.datetime.fromtimestamp(moment, datetime.UTC).strftime("%Y-%m-%d %H:%M")
