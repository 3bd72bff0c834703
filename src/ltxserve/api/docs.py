"""What the OpenAPI description says of errors and bodies; knows no route."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel

from ltxserve.api.errors import PROBLEM
from ltxserve.api.statuses import CODES_BY_STATUS
from ltxserve.errors import CODES

READ = (400, 401, 403, 404, 422, 429, 500, 503)
"""Statuses that reading calls can answer with, beside success."""
WRITE = (*READ, 402, 409, 413, 415, 502, 504, 507)
"""... and writing ones."""
FILE = (*READ, 409, 416, 502)
"""... and those that send files."""


class ProblemItem(BaseModel):
    """One thing wrong with a request."""

    code: str
    message: str
    hint: str
    field: str | None


class ProblemDetails(BaseModel):
    """An error (RFC 9457): `code` is stable, `hint` says what to do, `problems` lists all.

    price, balance: of a 402 alone, in whole credits.
    """

    type: str
    title: str
    status: int
    code: str
    detail: str
    hint: str
    field: str | None
    problems: list[ProblemItem]
    request_id: str
    price: int | None = None
    balance: int | None = None


def problems(statuses: Iterable[int]) -> dict[int | str, dict[str, Any]]:
    """`responses` of a native route: each status with all its codes and their meanings."""
    reference = {"$ref": "#/components/schemas/ProblemDetails"}
    content = {PROBLEM: {"schema": reference}}
    return {status: {"description": _listed(status), "content": content} for status in statuses}


def plain(statuses: Iterable[int]) -> dict[int | str, dict[str, Any]]:
    """`responses` of another dialect's route: each status with the codes behind it."""
    content = {"application/json": {"schema": {"type": "object"}}}
    return {status: {"description": _listed(status), "content": content} for status in statuses}


def body(schema: type[BaseModel] | dict[str, Any] | None = None, *kinds: str) -> dict[str, Any]:
    """`openapi_extra` of a route that reads its body itself."""
    shown = (
        schema.model_json_schema(ref_template="#/components/schemas/{model}")
        if (isinstance(schema, type))
        else (schema or {"type": "object"})
    )
    shown.pop("$defs", None)
    content = {kind: {"schema": shown} for kind in kinds or ("application/json",)}
    return {"requestBody": {"required": True, "content": content}}


def components(*models: type[BaseModel]) -> dict[str, Any]:
    """The schemas of models and of all they are made of, as the description's components."""
    schemas: dict[str, Any] = {}
    for model in models:
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas |= schema.pop("$defs", {})
        schemas[model.__name__] = schema
    return schemas


def files(
    errors: dict[int | str, dict[str, Any]] | None = None,
) -> dict[int | str, dict[str, Any]]:
    """`responses` of a route that sends a file, whole, in part, or not again.

    errors: in another dialect's form; None = problem details.
    """
    kinds = ("video/*", "image/*", "audio/*", "application/zip")
    content = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in kinds}
    return {
        200: {"description": "The whole file.", "content": content},
        206: {"description": "The part that Range asked for.", "content": content},
        304: {"description": "The caller has it already (If-None-Match)."},
        **(problems(FILE) if errors is None else errors),
    }


def _listed(status: int) -> str:
    codes = CODES_BY_STATUS.get(status, ())
    lines = [f"- `{code}`: {CODES[code]}" for code in codes if code in CODES]
    return "\n".join([HTTPStatus(status).phrase, "", *lines]).strip()
