"""Puts the HTTP service together: routes, error forms, the door; decides nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

import ltxserve
from ltxserve.api import docs, errors, health
from ltxserve.api.auth import gate_of
from ltxserve.api.body import MEBIBYTE
from ltxserve.api.door import Door
from ltxserve.api.feeds import Feeds
from ltxserve.api.metrics import CONTENT_TYPE, Metrics
from ltxserve.api.native import accounts, files, jobs, live, offers, uploads
from ltxserve.api.native.submissions import GenerationBody
from ltxserve.api.stand_ins import stand_ins_of

if TYPE_CHECKING:
    from ltxserve.app import App

ROUTERS = (
    health.router,
    jobs.router,
    live.router,
    offers.router,
    uploads.router,
    accounts.router,
    files.router,
)
FORMS: dict[str, errors.ErrorForm] = {}
"""Path prefix -> how errors are written below it; everywhere else they are problem details."""

DESCRIPTION = """
Prompts (and images, videos) in, finished clips out. Errors are problem details (RFC 9457) with a
stable `code`; `/api/errors` lists them all.
"""


def create_api(app: App) -> FastAPI:
    """The ASGI application over a wired App, which the caller starts and closes.

    Raises ConfigurationError `settings_invalid` for model aliases that lead nowhere.
    """
    metrics = Metrics(app)
    api = FastAPI(
        title="ltxserve",
        version=ltxserve.__version__,
        description=DESCRIPTION,
        lifespan=_lifespan,
        redirect_slashes=False,
    )
    api.state.app = app
    api.state.gate = gate_of(app)
    api.state.stand_ins = stand_ins_of(app)
    api.state.feeds = Feeds(app.signals.listen)
    api.state.body_limit = 32 * MEBIBYTE
    api.state.upload_limit = 512 * MEBIBYTE
    for router in ROUTERS:
        api.include_router(router)
    api.add_api_route("/metrics", _metrics(metrics), include_in_schema=False)
    errors.install(api, FORMS)
    api.add_middleware(Door, count=metrics.count)
    _describe(api)
    return api


@asynccontextmanager
async def _lifespan(api: FastAPI) -> AsyncIterator[None]:
    yield
    api.state.feeds.close()


def _metrics(metrics: Metrics) -> Any:
    def text(request: Request) -> Response:
        """Prometheus' text format."""
        del request
        return Response(metrics.text(), media_type=CONTENT_TYPE)

    return text


def _describe(api: FastAPI) -> None:
    """Add the schemas of bodies that are read by hand to the description."""
    made = api.openapi

    def openapi() -> dict[str, Any]:
        if api.openapi_schema is None:
            schema = made()
            known = schema.setdefault("components", {}).setdefault("schemas", {})
            known |= docs.components(docs.ProblemDetails, GenerationBody)
        return made()

    api.openapi = openapi
