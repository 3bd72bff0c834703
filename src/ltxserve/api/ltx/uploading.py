"""The LTX dialect's two-step upload: an address is given out first, the file is sent to it."""

from __future__ import annotations

import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter
from itsdangerous import BadData, URLSafeSerializer
from sqlalchemy.exc import IntegrityError
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from ltxserve.accounts.accounts import get_account
from ltxserve.api import docs
from ltxserve.api.auth import Writer
from ltxserve.api.body import MEBIBYTE, broken_off, capped
from ltxserve.api.context import app_of
from ltxserve.api.facts import iso
from ltxserve.api.links import whole
from ltxserve.api.ltx.bodies import UPLOAD_SCHEME
from ltxserve.db.ids import new_id
from ltxserve.errors import Conflict, NotFound, StorageError
from ltxserve.service.uploads import Upload

router = APIRouter(prefix="/ltx", tags=["LTX API"])

ADDRESS_SECONDS = 3600
"""How long an upload address is taken, as of the hosted API."""
LIMIT = 100 * MEBIBYTE
_SPOOLED = 4 * MEBIBYTE


class Tickets:
    """Addresses for one file each: account and id are under a signature, nothing is stored."""

    def __init__(self, secret: bytes) -> None:
        self._serializer = URLSafeSerializer(secret, salt="ltxserve.api.ltx.uploading.1")

    def issue(self, ticket: Ticket) -> str:
        """The ticket as letters, digits and `-_.`."""
        return str(self._serializer.dumps([ticket.account_id, ticket.upload_id, ticket.until]))

    def redeem(self, token: str, now: float) -> Ticket:
        """The ticket. Raises StorageError `link_invalid`, `link_expired`."""
        try:
            ticket = Ticket(*self._serializer.loads(token))
        except (BadData, ValueError, TypeError):
            hint = "Ask for a new one."
            raise StorageError("link_invalid", "This is no upload address.", hint) from None
        if now >= ticket.until:
            raise StorageError("link_expired", "The address is no longer valid.", "Ask again.")
        return ticket


@dataclass(frozen=True)
class Ticket:
    """Who may send one file, which id it will have, and until when (seconds UTC)."""

    account_id: str
    upload_id: str
    until: float


@router.post("/v1/upload", responses=docs.plain((401, 403, 429, 503)))
@router.post("/v2/upload", responses=docs.plain((401, 403, 429, 503)), include_in_schema=False)
async def offer(request: Request, account: Writer) -> dict[str, Any]:
    """An address to PUT one file to, and the URI by which requests name it afterwards."""
    tickets: Tickets = request.app.state.ltx_tickets
    ticket = Ticket(account.id, new_id(), time.time() + ADDRESS_SECONDS)
    return {
        "upload_url": whole(request, f"/ltx/uploads/{tickets.issue(ticket)}"),
        "storage_uri": UPLOAD_SCHEME + ticket.upload_id,
        "expires_at": iso(ticket.until),
        "required_headers": {},
    }


@router.put("/uploads/{token}", responses=docs.plain((400, 403, 413, 503, 507)))
async def receive(request: Request, token: str) -> Response:
    """Take the file; the address itself is the permission, for one file."""
    tickets: Tickets = request.app.state.ltx_tickets
    ticket = tickets.redeem(token, time.time())
    with tempfile.SpooledTemporaryFile(_SPOOLED) as file:
        try:
            async for piece in capped(request, LIMIT).stream():
                await run_in_threadpool(file.write, piece)
        except ClientDisconnect:
            raise broken_off() from None
        file.seek(0)
        await run_in_threadpool(_keep, request, ticket, file)
    return Response(status_code=200)


def _keep(request: Request, ticket: Ticket, file: Any) -> Upload:
    app = app_of(request)
    with app.database.read() as conn:
        account = get_account(conn, ticket.account_id)
    kind = request.headers.get("content-type", "")
    with suppress(NotFound):  # before it is examined and stored in vain
        app.uploads.get(account, ticket.upload_id)
        raise _taken()
    try:
        return app.uploads.create(account, file, None, kind, ticket.upload_id)
    except IntegrityError:
        raise _taken() from None


def _taken() -> Conflict:
    hint = "Ask for a new address."
    return Conflict("upload_exists", "A file was sent to this address before.", hint)
