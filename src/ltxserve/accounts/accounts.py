"""Accounts as rows: name, scopes, price list, limits; knows no keys and no balance."""

from __future__ import annotations

import base64
import re
import secrets
import time
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from ltxserve.accounts.scopes import USER, allows, check_scopes
from ltxserve.db.ids import new_id
from ltxserve.db.tables import accounts
from ltxserve.errors import AccessDenied, Conflict, NotFound, Problem, RequestRefused

LOCAL = "local"
"""Id and name of the account that every database has: free, for use without keys on loopback."""

_NAME = re.compile(r"[\w.@+-]{1,64}")


@dataclass(frozen=True)
class Account:
    """Who asks. scopes: what this caller may (a key can hold fewer than its account).

    max_queued, max_running: jobs at one time. priority: added to that of each of its jobs.
    disabled: its keys do not work; what it had submitted before goes on.
    """

    id: str
    name: str
    scopes: tuple[str, ...]
    price_list: str
    max_queued: int
    max_running: int
    priority: int
    disabled: bool = False

    def may(self, scope: str) -> bool:
        """Whether the caller has the scope."""
        return allows(self.scopes, scope)

    def require(self, scope: str) -> None:
        """Raises AccessDenied `forbidden` without the scope."""
        if not self.may(scope):
            raise AccessDenied(
                "forbidden", f"This key lacks the scope {scope}.", "Use a key that has it."
            )


@dataclass(frozen=True)
class NewAccount:
    """An account to add; price_list is a name of the catalog, which the caller has checked."""

    name: str
    price_list: str = "table"
    scopes: tuple[str, ...] = USER
    max_queued: int = 100
    max_running: int = 4
    priority: int = 0


def create_account(conn: sa.Connection, new: NewAccount) -> Account:
    """Add an account with no credits. Raises RequestRefused, Conflict `account_exists`."""
    _check(new)
    made = Account(id=new_id(), **{**vars(new), "scopes": check_scopes(new.scopes)})
    row = {**vars(made), "scopes": list(made.scopes), "balance": 0, "created_at": time.time()}
    del row["disabled"]
    try:
        with conn.begin_nested():
            conn.execute(accounts.insert().values(**row, webhook_secret=_webhook_secret()))
    except IntegrityError:
        raise Conflict(
            "account_exists", f"There is an account named {new.name}.", "Choose another.", "name"
        ) from None
    return made


def get_account(conn: sa.Connection, name: str) -> Account:
    """The account of this id or name. Raises NotFound `account_not_found`."""
    query = sa.select(accounts).where(sa.or_(accounts.c.id == name, accounts.c.name == name))
    row = conn.execute(query).first()
    if row is None:
        raise NotFound(
            "account_not_found",
            f"No account has the id or name {name[:60]!r}.",
            "`ltxserve accounts list` shows all.",
            "account",
        )
    return to_account(row)


@dataclass(frozen=True)
class AccountChange:
    """What is to be different about an account; None = as it is.

    price_list: a name of the catalog, which the caller has checked.
    """

    price_list: str | None = None
    scopes: tuple[str, ...] | None = None
    max_queued: int | None = None
    max_running: int | None = None
    priority: int | None = None
    disabled: bool | None = None


def update_account(conn: sa.Connection, name: str, change: AccountChange) -> Account:
    """Change the account of this id or name, from the next request on; jobs keep their price.

    Raises NotFound `account_not_found`, RequestRefused, also for disabling the local account.
    """
    account = get_account(conn, name)
    wanted = {field: value for field, value in vars(change).items() if value is not None}
    disabled = wanted.pop("disabled", None)
    if "scopes" in wanted:
        wanted["scopes"] = check_scopes(wanted["scopes"])
    changed = replace(account, **wanted)
    _check_limits(changed, [_not_local()] if disabled and account.id == LOCAL else [])
    values: dict[str, Any] = {**wanted}
    if "scopes" in values:
        values["scopes"] = list(values["scopes"])
    if disabled is not None and disabled != account.disabled:
        values["disabled_at"] = time.time() if disabled else None
    if values:
        conn.execute(sa.update(accounts).where(accounts.c.id == account.id).values(**values))
    return get_account(conn, account.id)


def list_accounts(conn: sa.Connection) -> list[Account]:
    """All accounts, oldest first."""
    query = sa.select(accounts).order_by(accounts.c.created_at, accounts.c.id)
    return [to_account(row) for row in conn.execute(query)]


def webhook_secret(conn: sa.Connection, account_id: str) -> str:
    """What the account's webhooks are signed with: whsec_ and base64 (Standard Webhooks)."""
    found = conn.scalar(sa.select(accounts.c.webhook_secret).where(accounts.c.id == account_id))
    if found is None:
        raise NotFound("account_not_found", "There is no such account.", "Check the id.", "account")
    return found


def renew_webhook_secret(conn: sa.Connection, account_id: str) -> str:
    """A new secret, which signs from the next try on; the old one is gone. Raises NotFound."""
    made = _webhook_secret()
    change = sa.update(accounts).where(accounts.c.id == account_id).values(webhook_secret=made)
    conn.execute(change)
    return webhook_secret(conn, account_id)


def to_account(row: sa.Row[Any], scopes: tuple[str, ...] | None = None) -> Account:
    """A row of the table accounts; `scopes` = the fewer ones of a key."""
    held = row._mapping
    return Account(
        id=held["id"],
        name=held["name"],
        scopes=tuple(held["scopes"]) if scopes is None else scopes,
        price_list=held["price_list"],
        max_queued=held["max_queued"],
        max_running=held["max_running"],
        priority=held["priority"],
        disabled=held["disabled_at"] is not None,
    )


def _check(new: NewAccount) -> None:
    problems: list[Problem] = []
    if not _NAME.fullmatch(new.name):
        hint = "Use up to 64 letters, digits and . _ @ + -"
        problems.append(Problem("invalid_field", "The name cannot be used.", hint, "name"))
    _check_limits(new, problems)


def _check_limits(made: Account | NewAccount, problems: list[Problem]) -> None:
    for field, low, high in (
        ("max_queued", 1, 1_000_000),
        ("max_running", 1, 10_000),
        ("priority", -1000, 1000),
    ):
        value = getattr(made, field)
        if not low <= value <= high:
            hint = f"Use {low} to {high}."
            problems.append(Problem("invalid_field", f"{field} is {value}.", hint, field))
    if problems:
        raise RequestRefused(problems)


def _not_local() -> Problem:
    hint = "Set LTXSERVE_REQUIRE_KEYS: then nobody is let in without a key."
    return Problem("invalid_field", "The local account cannot be disabled.", hint, "disabled")


def _webhook_secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode("ascii")
