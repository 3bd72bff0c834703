"""Puts the HTTP service together: routes, error forms, the door; decides nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

import ltxserve
from ltxserve.accounts.secret import derive, load_secret
from ltxserve.api import docs, errors, health
from ltxserve.api.auth import gate_of
from ltxserve.api.body import MEBIBYTE
from ltxserve.api.door import Door
from ltxserve.api.feeds import Feeds
from ltxserve.api.ltx import routes as ltx
from ltxserve.api.ltx import uploading
from ltxserve.api.ltx import views as ltx_views
from ltxserve.api.metrics import CONTENT_TYPE, Metrics
from ltxserve.api.native import accounts, files, jobs, live, offers, stitches, uploads
from ltxserve.api.native.submissions import GenerationBody
from ltxserve.api.openai import routes as openai
from ltxserve.api.openai import views as openai_views
from ltxserve.api.runpod import routes as runpod
from ltxserve.api.runpod import views as runpod_views
from ltxserve.api.runpod.chunks import Chunks
from ltxserve.api.simple import routes as simple
from ltxserve.api.simple import views as simple_views
from ltxserve.api.stand_ins import stand_ins_of

if TYPE_CHECKING:
    from ltxserve.app import App

ROUTERS = (
    health.router,
    jobs.router,
    live.router,
    offers.router,
    uploads.router,
    stitches.router,
    accounts.router,
    files.router,
    simple.router,
    openai.router,
    uploading.router,
    ltx.router,
    runpod.router,
)
FORMS: dict[str, errors.ErrorForm] = {
    **dict.fromkeys(
        ("/api/generate", "/api/status", "/api/result", "/generate", "/stitch"),
        simple_views.ERRORS,
    ),
    "/v1": openai_views.ERRORS,
    "/ltx": ltx_views.ERRORS,
    "/runpod": runpod_views.ERRORS,
}
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
    api.state.runpod_chunks = Chunks()
    api.state.ltx_tickets = uploading.Tickets(derive(secret_of(app), "ltx uploads"))
    api.state.body_limit = 32 * MEBIBYTE
    api.state.upload_limit = 512 * MEBIBYTE
    for router in ROUTERS:
        api.include_router(router)
    api.add_api_route("/metrics", _metrics(metrics), include_in_schema=False)
    errors.install(api, FORMS)
    api.add_middleware(Door, count=metrics.count)
    _describe(api)
    return api


def secret_of(app: App) -> str:
    """The installation's secret, for what this layer signs itself."""
    given = app.settings.secret_key
    return load_secret(app.settings.folder, given.get_secret_value() if given else None)


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
            known |= docs.components(docs.ProblemDetails, GenerationBody, stitches.StitchBody)
        return made()

    api.openapi = openapi
