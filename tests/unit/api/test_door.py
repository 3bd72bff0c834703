"""The door: an id and a log line for every request, a coded 500 for a bug, no secret in the log."""

import asyncio
import json
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.types import Message

from ltxserve.api import errors
from ltxserve.api.door import Door, Handled


async def _bug() -> None:
    raise ZeroDivisionError("secret of the bug")


async def _fine(item: str) -> dict[str, str]:
    return {"item": item}


def call(path: str, query: str = "", headers: dict[str, str] | None = None) -> dict[str, Any]:
    """One request through the door: what was sent, logged and counted."""
    api = FastAPI()
    errors.install(api, {})
    api.add_api_route("/bug", _bug)
    api.add_api_route("/fine/{item}", _fine)
    counted: list[Handled] = []
    api.add_middleware(Door, count=counted.append)
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    raw = [(key.encode(), value.encode()) for key, value in (headers or {}).items()]
    scope = {"type": "http", "method": "GET", "path": path, "query_string": query.encode()}
    asyncio.run(api({**scope, "headers": raw}, receive, send))
    body = b"".join(message.get("body", b"") for message in sent)
    start = dict(sent[0]["headers"])
    return {
        "status": sent[0]["status"],
        "body": json.loads(body),
        "headers": start,
        "counted": counted,
    }


def test_a_request_gets_an_id_and_one_line(caplog: pytest.LogCaptureFixture):
    caplog.set_level("INFO")
    got = call("/fine/1", "key=hush", {"x-request-id": "mine"})
    assert got["status"] == 200
    assert got["headers"][b"x-request-id"] == b"mine"
    assert got["headers"][b"x-content-type-options"] == b"nosniff"
    (line,) = [vars(record) for record in caplog.records if record.name == "ltxserve.api.door"]
    assert (line["msg"], line["status"], line["route"]) == ("request", 200, "/fine/{item}")
    assert "hush" not in json.dumps(line, default=str)
    assert got["counted"][0].route == "/fine/{item}"


def test_a_bug_is_answered_and_logged(caplog: pytest.LogCaptureFixture):
    caplog.set_level("INFO")
    got = call("/bug")
    assert got["status"] == 500
    assert got["body"]["code"] == "internal_error"
    assert "secret" not in json.dumps(got["body"])
    assert got["body"]["request_id"] == got["headers"][b"x-request-id"].decode()
    said = [record for record in caplog.records if record.name == "ltxserve.api.door"]
    assert [record.getMessage() for record in said] == ["a bug: ZeroDivisionError", "request"]


@pytest.mark.parametrize("given", ["a b", "x" * 200])
def test_strange_request_ids_are_replaced(given: str):
    assert (
        call("/fine/1", headers={"x-request-id": given})["headers"][b"x-request-id"]
        != given.encode()
    )


@pytest.mark.parametrize(("path", "query"), [("/fine/a\x00b", ""), ("/fine/1", "x=%00")])
def test_no_address_holds_a_nul(path: str, query: str):
    got = call(path, query)
    assert (got["status"], got["body"]["code"]) == (400, "body_invalid")
