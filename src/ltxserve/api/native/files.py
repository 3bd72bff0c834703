"""Redeems signed links to files of the local store; the link itself is the permission."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from ltxserve.api import docs
from ltxserve.api.content import File, send, suffix_of
from ltxserve.api.context import app_of
from ltxserve.errors import NotFound
from ltxserve.storage.base import missing
from ltxserve.storage.local import ROUTE, LocalStore

router = APIRouter(prefix=ROUTE.rstrip("/"), tags=["files"])


@router.get("/{token}", responses=docs.files())
@router.head("/{token}", include_in_schema=False)
def linked(request: Request, token: str) -> Response:
    """The file that a link grants, until the link ends."""
    store = app_of(request).store
    if not isinstance(store, LocalStore):
        raise NotFound("not_found", "This service keeps its files elsewhere.", "Ask for the job.")
    grant = store.links.redeem(token)
    stored = store.stat(grant.key)
    if stored is None:
        raise missing("of this link")
    kind = grant.media_type or stored.media_type
    name = grant.file_name or f"file{suffix_of(kind)}"
    return send(request, store, File(stored, name, grant.file_name is not None, kind))
