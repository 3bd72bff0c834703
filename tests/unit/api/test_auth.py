"""Headers as keys, and addresses as near or far."""

import pytest
from starlette.datastructures import Headers

from ltxserve.accounts.accounts import Account
from ltxserve.api.auth import Gate, host_of, is_loopback, key_of
from ltxserve.errors import AccessDenied

ANN = Account("a", "ann", ("read",), "free", 1, 1, 0)
OPEN = Account("local", "local", ("read",), "free", 1, 1, 0)


def by_key(key: str) -> Account:
    if key != "ltx_good":
        raise AccessDenied("unauthorized", "no")
    return ANN


@pytest.mark.parametrize(
    ("headers", "key"),
    [
        ({"Authorization": "Bearer ltx_1"}, "ltx_1"),
        ({"Authorization": "bearer   ltx_1 "}, "ltx_1"),
        ({"Authorization": "ltx_1"}, "ltx_1"),
        ({"X-API-Key": "ltx_2"}, "ltx_2"),
        ({"Authorization": "Bearer", "X-API-Key": "ltx_2"}, "ltx_2"),
        ({"Sec-WebSocket-Protocol": "chat, ltxserve.key.ltx_3"}, "ltx_3"),
        ({}, ""),
    ],
)
def test_where_a_key_is_looked_for(headers: dict[str, str], key: str):
    assert key_of(Headers(headers)) == key


@pytest.mark.parametrize(
    ("netloc", "near"),
    [
        ("127.0.0.1:8000", True),
        ("127.8.9.1", True),
        ("[::1]:80", True),
        ("LOCALHOST", True),
        ("app.localhost:1", True),
        ("0.0.0.0", False),
        ("127.0.0.1.example", False),
        ("example", False),
        ("[::", False),
        ("", False),
    ],
)
def test_what_is_this_machine(netloc: str, near: bool):
    assert is_loopback(host_of(netloc)) == near


def test_a_closed_gate_wants_a_key():
    gate = Gate(by_key)
    assert gate.admit(Headers({"X-API-Key": "ltx_good"})) is ANN
    with pytest.raises(AccessDenied):
        gate.admit(Headers({"host": "localhost"}))


def test_an_open_gate_is_open_to_this_machine_only():
    gate = Gate(by_key, lambda: OPEN)
    assert gate.admit(Headers({"host": "localhost:1"})) is OPEN
    assert gate.admit(Headers({"host": "far.example", "X-API-Key": "ltx_good"})) is ANN
    with pytest.raises(AccessDenied) as refused:
        gate.admit(Headers({"host": "far.example"}))
    assert refused.value.code == "origin_refused"
    named = Gate(by_key, lambda: OPEN, hosts=frozenset({"far.example"}))
    assert named.admit(Headers({"host": "far.example"})) is OPEN
