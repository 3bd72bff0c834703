"""Routes of accounts: one's own, and for administrators everybody's, with keys and credits."""

from __future__ import annotations

import time
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from ltxserve.accounts.accounts import (
    Account,
    AccountChange,
    NewAccount,
    create_account,
    get_account,
    list_accounts,
    renew_webhook_secret,
    update_account,
    webhook_secret,
)
from ltxserve.accounts.keys import KeyRow, list_keys, revoke_key
from ltxserve.accounts.scopes import USER
from ltxserve.api import docs
from ltxserve.api.auth import Admin, Reader, Writer
from ltxserve.api.body import parsed
from ltxserve.api.context import app_of
from ltxserve.api.facts import iso
from ltxserve.api.native.jobs import JsonBody
from ltxserve.credits import ledger
from ltxserve.jobs.listing import counts

router = APIRouter(prefix="/api", tags=["accounts"])

MOST_INT = 2**31 - 1
_CHANGE = (*docs.READ, 413)


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AccountBody(_Body):
    """An account to add."""

    name: str = Field(max_length=64)
    price_list: str = Field(default="table", max_length=64)
    scopes: tuple[str, ...] = USER
    max_queued: int = Field(default=100, ge=1, le=MOST_INT)
    max_running: int = Field(default=4, ge=1, le=MOST_INT)
    priority: int = Field(default=0, ge=-1000, le=1000)


class ChangeBody(_Body):
    """What is to be different about an account; what is left out stays."""

    price_list: str | None = Field(default=None, max_length=64)
    scopes: tuple[str, ...] | None = None
    max_queued: int | None = Field(default=None, ge=1, le=MOST_INT)
    max_running: int | None = Field(default=None, ge=1, le=MOST_INT)
    priority: int | None = Field(default=None, ge=-1000, le=1000)
    disabled: bool | None = None


class TopUpBody(_Body):
    """Credits to add; a reference counts once per account, so a repetition adds nothing."""

    amount: int = Field(ge=1, le=ledger.MOST)
    reference: str | None = Field(default=None, max_length=200, pattern=r"^[\x20-\x7e]+$")


class KeyBody(_Body):
    """A key to make."""

    scopes: tuple[str, ...] = USER
    label: str = Field(default="", max_length=100, pattern=r"^[^\x00]*$")
    days: float | None = Field(default=None, gt=0, le=36500, allow_inf_nan=False)


@router.get("/account", responses=docs.problems(docs.READ))
def own(request: Request, account: Reader) -> dict[str, Any]:
    """The caller's account: scopes, limits, credits, jobs under way."""
    with app_of(request).database.read() as conn:
        now = counts(conn, account.id)
        view = account_view(account, ledger.balance(conn, account.id))
    return {**view, "queued": now.queued, "running": now.running}


@router.get("/account/webhook-secret", responses=docs.problems(docs.READ))
def own_webhook_secret(request: Request, account: Writer) -> dict[str, Any]:
    """What the caller's webhooks are signed with, for a library of Standard Webhooks."""
    with app_of(request).database.read() as conn:
        return {"secret": webhook_secret(conn, account.id)}


@router.post("/account/webhook-secret", responses=docs.problems(docs.READ))
def renew_own_webhook_secret(request: Request, account: Writer) -> dict[str, Any]:
    """Make a new one; it signs from the next try on, and the old one never again."""
    with app_of(request).database.begin() as conn:
        return {"secret": renew_webhook_secret(conn, account.id)}


@router.get("/account/ledger", responses=docs.problems(docs.READ))
def movements(request: Request, account: Reader) -> dict[str, Any]:
    """The newest movements of the caller's credits."""
    with app_of(request).database.read() as conn:
        return {"data": [entry_view(entry) for entry in ledger.entries(conn, account.id)]}


@router.get("/accounts", responses=docs.problems(docs.READ))
def listed(request: Request, admin: Admin) -> dict[str, Any]:
    """Every account. For administrators."""
    del admin
    with app_of(request).database.read() as conn:
        found = list_accounts(conn)
        return {"data": [account_view(one, ledger.balance(conn, one.id)) for one in found]}


@router.post(
    "/accounts",
    status_code=201,
    responses=docs.problems((*_CHANGE, 409)),
    openapi_extra=docs.body(AccountBody),
)
def create(request: Request, admin: Admin, given: JsonBody) -> dict[str, Any]:
    """Add an account, with no credits and no keys yet. For administrators."""
    del admin
    app, body = app_of(request), parsed(AccountBody, given)
    app.catalog.prices.price_list(body.price_list)
    with app.database.begin() as conn:
        return account_view(create_account(conn, NewAccount(**body.model_dump())), 0)


@router.patch(
    "/accounts/{name}", responses=docs.problems(_CHANGE), openapi_extra=docs.body(ChangeBody)
)
def update(request: Request, admin: Admin, name: str, given: JsonBody) -> dict[str, Any]:
    """Change an account, by its name or id; `disabled` stops its keys. For administrators."""
    del admin
    app, body = app_of(request), parsed(ChangeBody, given)
    if body.price_list is not None:
        app.catalog.prices.price_list(body.price_list)
    with app.database.begin() as conn:
        changed = update_account(conn, name, AccountChange(**body.model_dump()))
        return account_view(changed, ledger.balance(conn, changed.id))


@router.post(
    "/accounts/{name}/top-ups",
    status_code=201,
    responses=docs.problems(_CHANGE),
    openapi_extra=docs.body(TopUpBody),
)
def top_up(request: Request, admin: Admin, name: str, given: JsonBody) -> dict[str, Any]:
    """Add credits to an account, by its name or id. For administrators."""
    del admin
    body = parsed(TopUpBody, given)
    with app_of(request).database.begin() as conn:
        found = get_account(conn, name)
        entry = ledger.top_up(conn, found.id, body.amount, body.reference)
        return {**entry_view(entry), "balance": ledger.balance(conn, found.id)}


@router.get("/accounts/{name}/keys", responses=docs.problems(docs.READ))
def keys(request: Request, admin: Admin, name: str) -> dict[str, Any]:
    """An account's keys, without their secrets. For administrators."""
    del admin
    with app_of(request).database.read() as conn:
        found = list_keys(conn, get_account(conn, name).id)
    return {"data": [key_view(row) for row in found]}


@router.post(
    "/accounts/{name}/keys",
    status_code=201,
    responses=docs.problems(_CHANGE),
    openapi_extra=docs.body(KeyBody),
)
def create_key(request: Request, admin: Admin, name: str, given: JsonBody) -> dict[str, Any]:
    """Make a key for an account; `key` is shown this once. For administrators."""
    del admin
    app, body = app_of(request), parsed(KeyBody, given)
    ends = None if body.days is None else time.time() + body.days * 86400
    with app.database.begin() as conn:
        found = get_account(conn, name)
        row, key = app.keys.create(conn, found.id, body.scopes, body.label, ends)
    return {**key_view(row), "key": key}


@router.delete("/keys/{id}", status_code=204, responses=docs.problems(docs.READ))
def revoke(request: Request, admin: Admin, id: str) -> Response:
    """End a key at once and for good. For administrators."""
    del admin
    with app_of(request).database.begin() as conn:
        revoke_key(conn, id)
    return Response(status_code=204)


def account_view(account: Account, balance: int) -> dict[str, Any]:
    """An account as JSON."""
    return {**vars(account), "scopes": list(account.scopes), "balance": balance}


def entry_view(entry: ledger.Entry) -> dict[str, Any]:
    """A movement of credits as JSON."""
    return {**vars(entry), "created_at": iso(entry.created_at)}


def key_view(row: KeyRow) -> dict[str, Any]:
    """A key without its secret as JSON."""
    times = ("created_at", "expires_at", "last_used_at", "revoked_at")
    shown = {name: iso(getattr(row, name)) for name in times}
    return {**vars(row), "scopes": list(row.scopes), **shown}
