"""Whether the service lives, and whether it can take work: asked by load balancers, without a key.

Tells "a model is loading" from "ready"; names no cause that an outsider could use.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse

import ltxserve
from ltxserve.api.context import app_of
from ltxserve.errors import LtxserveError
from ltxserve.pool.base import Slot

router = APIRouter(tags=["health"])

_NOT_READY: dict[int | str, dict[str, Any]] = {
    503: {"description": "Not ready: a model is loading, or a part does not answer."}
}


@router.get("/livez")
@router.get("/healthz")
async def alive() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok", "version": ltxserve.__version__}


@router.get("/readyz", responses=_NOT_READY)
def ready(request: Request) -> JSONResponse:
    """Jobs can be taken and run: the database answers, and a worker is there."""
    app = app_of(request)
    checks = {"database": database_check(app.database), "workers": workers_check(_slots(app))}
    bad = [name for name, state in checks.items() if state not in ("ok", "elsewhere")]
    loading = bad == ["workers"] and checks["workers"] == "loading"
    status = "ready" if not bad else "loading" if loading else "unavailable"
    return JSONResponse({"status": status, "checks": checks}, 503 if bad else 200)


def database_check(database: Any) -> str:
    """Whether it can be read: "ok" or "unavailable"."""
    try:
        with database.read() as conn:
            conn.execute(sa.text("SELECT 1"))
    except LtxserveError:
        return "unavailable"
    return "ok"


def workers_check(slots: tuple[Slot, ...] | None) -> str:
    """The workers: "ok", "loading" a model, "broken", or "elsewhere" in another process."""
    if slots is None:
        return "elsewhere"
    states = {slot.state for slot in slots}
    if states & {"ready", "busy"}:
        return "ok"
    return "loading" if "starting" in states else "broken"


def _slots(app: Any) -> tuple[Slot, ...] | None:
    if app.pool is None:
        return None
    try:
        return app.pool.slots()
    except LtxserveError:
        return ()
