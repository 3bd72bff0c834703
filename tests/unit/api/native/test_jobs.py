"""Routes of jobs: bodies are read within limits; the rest is tested in tests/api/test_native.py."""

import asyncio

import pytest
from starlette.requests import Request
from starlette.types import Message

from ltxserve.api.native.jobs import form_body, json_body
from ltxserve.errors import LtxserveError


def request(body: bytes, limit: int) -> Request:
    class Held:
        class state:  # noqa: N801 - as Starlette names it
            body_limit = limit
            upload_limit = limit

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    scope = {"type": "http", "method": "POST", "path": "/", "headers": [], "app": Held}
    return Request(scope, receive)


def test_the_servers_limits_hold():
    assert asyncio.run(json_body(request(b'{"a": 1}', 100))) == {"a": 1}
    with pytest.raises(LtxserveError) as refused:
        asyncio.run(json_body(request(b'{"a": 1}', 4)))
    assert refused.value.code == "body_too_large"


def test_forms_are_closed_afterwards():
    async def fields() -> dict[str, object]:
        form = form_body(request(b'{"a": 1}', 100))
        found = (await anext(form)).fields
        with pytest.raises(StopAsyncIteration):
            await anext(form)
        return found

    assert asyncio.run(fields()) == {"a": 1}
