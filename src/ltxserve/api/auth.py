"""Who asks: a key in a header, or nobody on a server that only this machine can reach.

Knows headers and addresses; what a key may do is the accounts' matter.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Security
from fastapi.security import APIKeyHeader, HTTPBearer
from fastapi.security.http import HTTPAuthorizationCredentials
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection

from ltxserve.accounts.accounts import Account
from ltxserve.errors import AccessDenied, LtxserveError

if TYPE_CHECKING:
    from ltxserve.app import App

PREFIX = "ltx_"
"""What keys of ours begin with; official SDKs insist on some key even where none is needed."""
SUBPROTOCOL = "ltxserve.key."
"""Browsers cannot set headers on a WebSocket: the key may follow this in Sec-WebSocket-Protocol."""

_bearer = HTTPBearer(auto_error=False, description="An API key: ltx_...")
_header = APIKeyHeader(name="X-API-Key", auto_error=False)


@dataclass(frozen=True)
class Gate:
    """How callers are let in.

    authenticate: a key's account, or AccessDenied. open_account: who callers without a key are,
    None where a key is needed. hosts: names besides loopback's that the open server goes by.
    """

    authenticate: Callable[[str], Account]
    open_account: Callable[[], Account] | None = None
    hosts: frozenset[str] = frozenset()

    def admit(self, headers: Headers) -> Account:
        """The caller's account. Raises AccessDenied: `unauthorized`, `origin_refused`."""
        key = key_of(headers)
        if self.open_account is None or key.startswith(PREFIX):
            return self.authenticate(key)
        self._check_local(headers)
        return self.open_account()

    def _check_local(self, headers: Headers) -> None:
        """Without keys, any web page that this machine's browser shows could ask: it may not.

        The Host header defeats DNS rebinding; Origin and Sec-Fetch-Site tell of other sites'
        pages, the latter also for pictures, which have no Origin. A link may lead here.
        """
        origin = headers.get("origin")
        names = [headers.get("host", "")] + ([origin.partition("://")[2]] if origin else [])
        embedded = headers.get("sec-fetch-mode", "navigate") != "navigate"
        foreign = headers.get("sec-fetch-site") == "cross-site" and embedded
        if foreign or not all(self._is_local(name) for name in names):
            raise AccessDenied(
                "origin_refused",
                "Without API keys, this server answers to this machine's own pages only.",
                "Ask for http://127.0.0.1, or start the server with API keys.",
            )

    def _is_local(self, netloc: str) -> bool:
        host = host_of(netloc)
        return host in self.hosts or is_loopback(host)


def gate_of(app: App) -> Gate:
    """The gate of an application: open on loopback only, and not where keys are required."""

    def authenticate(key: str) -> Account:
        with app.database.read() as conn:  # no write for a request: SQLite has one writer
            account = app.keys.authenticate(conn, key)
        if app.keys.is_due(key):
            with suppress(LtxserveError), app.database.begin() as conn:  # a note, no more
                app.keys.touch(conn, key)
        return account

    settings = app.settings
    is_open = is_loopback(settings.host.lower()) and not settings.require_keys
    return Gate(authenticate, app.local_account if is_open else None)


def host_of(netloc: str) -> str:
    """The host of "host:port", lower case, without the brackets of IPv6; "" if there is none."""
    try:
        return (urlsplit(f"//{netloc}").hostname or "").lower()
    except ValueError:
        return ""


def is_loopback(host: str) -> bool:
    """Whether a name or address is this machine's own."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def key_of(headers: Headers) -> str:
    """The key of a request, "" if it has none: Authorization, X-API-Key or the subprotocol.

    RunPod's documentation sends the bare key in Authorization; so may anybody.
    """
    given = headers.get("authorization", "").strip()
    scheme, _, rest = given.partition(" ")
    key = rest.strip() if scheme.lower() in {"bearer", "key", "token"} else given
    key = key or headers.get("x-api-key", "").strip()
    if key:
        return key
    offered = headers.get("sec-websocket-protocol", "").split(",")
    keys = [item.strip() for item in offered if item.strip().startswith(SUBPROTOCOL)]
    return keys[0].removeprefix(SUBPROTOCOL) if keys else ""


def caller(
    connection: HTTPConnection,
    _bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)] = None,
    _header: Annotated[str | None, Security(_header)] = None,
) -> Account:
    """The account of a request; a dependency that runs in a thread, for it reads the database."""
    gate: Gate = connection.app.state.gate
    account = gate.admit(connection.headers)
    connection.scope.setdefault("state", {})["account_id"] = account.id
    return account


async def _reader(account: Annotated[Account, Depends(caller)]) -> Account:
    account.require("read")
    return account


async def _writer(account: Annotated[Account, Depends(caller)]) -> Account:
    account.require("generate")
    return account


async def _admin(account: Annotated[Account, Depends(caller)]) -> Account:
    account.require("admin")
    return account


Reader = Annotated[Account, Depends(_reader)]
Writer = Annotated[Account, Depends(_writer)]
Admin = Annotated[Account, Depends(_admin)]
