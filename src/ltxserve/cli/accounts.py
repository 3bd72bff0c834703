"""`ltxserve accounts`: create, list and change accounts, add credits. On the database itself."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from ltxserve.catalog import load_catalog
from ltxserve.cli.database import open_database
from ltxserve.settings import load_settings

group = typer.Typer(no_args_is_help=True, help="Accounts and their credits.")

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@group.command()
def create(
    name: Annotated[str, typer.Argument(help="Letters, digits and . _ @ + -")],
    price_list: Annotated[str, typer.Option("--price-list", help="As in prices.toml.")] = "table",
    scope: Annotated[
        list[str] | None, typer.Option("--scope", help="read, generate, admin or *; repeatable.")
    ] = None,
    max_queued: Annotated[int, typer.Option("--max-queued", help="Jobs that may wait.")] = 100,
    max_running: Annotated[int, typer.Option("--max-running", help="Jobs that may run.")] = 4,
    priority: Annotated[int, typer.Option("--priority", help="Higher is sooner.")] = 0,
    as_json: Json = False,
) -> None:
    """Add an account, with no credits and no keys yet."""
    settings = load_settings()
    load_catalog(settings.prices_file).prices.price_list(price_list)
    with open_database(settings) as database:
        # Late, as the database's libraries are: help and planning never load them.
        from ltxserve.accounts.accounts import NewAccount, create_account
        from ltxserve.accounts.scopes import USER

        scopes = tuple(scope) if scope else USER
        new = NewAccount(name, price_list, scopes, max_queued, max_running, priority)
        with database.begin() as conn:
            made = create_account(conn, new)
    typer.echo(json.dumps({**vars(made), "balance": 0}, indent=2) if as_json else made.id)


@group.command("list")
def list_(as_json: Json = False) -> None:
    """Show every account with its limits and its balance."""
    with open_database(load_settings()) as database:
        from ltxserve.accounts.accounts import list_accounts
        from ltxserve.credits import ledger

        with database.read() as conn:
            rows = [
                {**vars(account), "balance": ledger.balance(conn, account.id)}
                for account in list_accounts(conn)
            ]
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    made = Table(title="Accounts")
    for heading in ("name", "credits", "price list", "queued", "running", "scopes", "state", "id"):
        made.add_column(heading, overflow="fold")
    for row in rows:
        limits = (f"<= {row['max_queued']}", f"<= {row['max_running']}")
        scopes = " ".join(row["scopes"])
        state = "disabled" if row["disabled"] else "active"
        named = (row["name"], str(row["balance"]), row["price_list"])
        made.add_row(*named, *limits, scopes, state, row["id"])
    Console().print(made)


@group.command()
def update(
    account: Annotated[str, typer.Argument(help="Its name or id.")],
    price_list: Annotated[
        str | None, typer.Option("--price-list", help="As in prices.toml.")
    ] = None,
    scope: Annotated[
        list[str] | None, typer.Option("--scope", help="read, generate, admin or *; repeatable.")
    ] = None,
    max_queued: Annotated[
        int | None, typer.Option("--max-queued", help="Jobs that may wait.")
    ] = None,
    max_running: Annotated[
        int | None, typer.Option("--max-running", help="Jobs that may run.")
    ] = None,
    priority: Annotated[int | None, typer.Option("--priority", help="Higher is sooner.")] = None,
    as_json: Json = False,
) -> None:
    """Change an account; what is not named stays. Jobs keep the price they were taken at."""
    if price_list is not None:
        load_catalog(load_settings().prices_file).prices.price_list(price_list)
    wanted = {
        "price_list": price_list,
        "scopes": tuple(scope) if scope else None,
        "max_queued": max_queued,
        "max_running": max_running,
        "priority": priority,
    }
    _change(account, as_json, **wanted)


@group.command()
def disable(
    account: Annotated[str, typer.Argument(help="Its name or id.")], as_json: Json = False
) -> None:
    """Stop all keys of an account at once; what it had submitted goes on."""
    _change(account, as_json, disabled=True)


@group.command()
def enable(
    account: Annotated[str, typer.Argument(help="Its name or id.")], as_json: Json = False
) -> None:
    """Let an account's keys work again."""
    _change(account, as_json, disabled=False)


@group.command("top-up")
def top_up(
    account: Annotated[str, typer.Argument(help="Its name or id.")],
    amount: Annotated[int, typer.Argument(help="Whole credits to add.")],
    reference: Annotated[
        str | None, typer.Option("--reference", help="Counts once per account, as an invoice.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Add credits to an account."""
    with open_database(load_settings()) as database:
        from ltxserve.accounts.accounts import get_account
        from ltxserve.credits import ledger

        with database.begin() as conn:
            found = get_account(conn, account)
            entry = ledger.top_up(conn, found.id, amount, reference)
            balance = ledger.balance(conn, found.id)
    said = {"account": found.name, "entry": entry.id, "amount": entry.amount, "balance": balance}
    typer.echo(json.dumps(said, indent=2) if as_json else f"{found.name} has {balance} credits")


@group.command("webhook-secret")
def webhook_secret(
    account: Annotated[str, typer.Argument(help="Its name or id.")],
    new: Annotated[bool, typer.Option("--new", help="Make a new one; the old one ends.")] = False,
    as_json: Json = False,
) -> None:
    """Print what an account's webhooks are signed with (Standard Webhooks)."""
    with open_database(load_settings()) as database:
        from ltxserve.accounts import accounts

        with database.begin() as conn:
            found = accounts.get_account(conn, account)
            tell = accounts.renew_webhook_secret if new else accounts.webhook_secret
            secret = tell(conn, found.id)
    typer.echo(json.dumps({"account": found.name, "secret": secret}) if as_json else secret)


def _change(account: str, as_json: bool, **wanted: Any) -> None:
    with open_database(load_settings()) as database:
        from ltxserve.accounts.accounts import AccountChange, update_account

        with database.begin() as conn:
            changed = update_account(conn, account, AccountChange(**wanted))
    state = "disabled" if changed.disabled else "active"
    said = json.dumps(vars(changed), indent=2) if as_json else f"{changed.name} is {state}"
    typer.echo(said)
