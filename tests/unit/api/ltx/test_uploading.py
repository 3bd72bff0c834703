"""Upload addresses: signed, for one account, ending."""

import asyncio
import time
from dataclasses import replace

import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.types import Message

from ltxserve.api.ltx.uploading import Ticket, Tickets, receive
from ltxserve.errors import LtxserveError, StorageError

TICKET = Ticket("ann", "u1", 100.0)


def test_what_is_issued_is_redeemed_until_it_ends():
    tickets = Tickets(b"secret")
    token = tickets.issue(TICKET)
    assert tickets.redeem(token, 99.0) == TICKET
    with pytest.raises(StorageError) as late:
        tickets.redeem(token, 100.0)
    assert late.value.code == "link_expired"


@pytest.mark.parametrize("token", ["", "x", "WyJhIl0.sig", Tickets(b"other").issue(TICKET)])
def test_what_was_not_issued_here_is_refused(token: str):
    with pytest.raises(StorageError) as refused:
        Tickets(b"secret").redeem(token, 0.0)
    assert refused.value.code == "link_invalid"


def test_a_caller_who_leaves_in_the_middle_is_no_bug():
    api = FastAPI()
    tickets = api.state.ltx_tickets = Tickets(b"secret")
    token = tickets.issue(replace(TICKET, until=time.time() + 60))
    said: list[Message] = [
        {"type": "http.request", "body": b"half", "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def hear() -> Message:
        return said.pop(0)

    request = Request({"type": "http", "headers": [], "app": api}, hear)
    with pytest.raises(LtxserveError) as refused:
        asyncio.run(receive(request, token))
    assert refused.value.code == "body_invalid"
