"""Accounts, keys and credits over the wire."""

import socket
from collections.abc import Iterator

import pytest

from tests.api.serving import Served, serving
from tests.api.test_native import SMALL


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("accounts"), require_keys=True) as server:
        yield server


def test_an_administrators_day(locked: Served):
    root = locked.account("root", scopes=("*",), price_list="free")
    with locked.client(**{"X-API-Key": root}) as client:
        made = client.post("/api/accounts", json={"name": "studio", "price_list": "per-second"})
        assert (made.status_code, made.json()["balance"]) == (201, 0)
        assert (
            client.post("/api/accounts", json={"name": "studio"}).json()["code"] == "account_exists"
        )
        for _ in range(2):  # a reference counts once
            paid = client.post(
                "/api/accounts/studio/top-ups", json={"amount": 50, "reference": "i1"}
            )
            assert (paid.status_code, paid.json()["balance"]) == (201, 50)
        key = client.post("/api/accounts/studio/keys", json={"label": "laptop"}).json()
        assert key["key"].startswith("ltx_")
        listed = client.get("/api/accounts/studio/keys").json()["data"]
        assert [row["label"] for row in listed] == ["laptop"]
        assert "key" not in listed[0]
        assert listed[0]["last_used_at"] is None
        assert {"root", "studio"} <= {
            one["name"] for one in client.get("/api/accounts").json()["data"]
        }
    with locked.client(**{"X-API-Key": key["key"]}) as client:
        assert client.post("/api/generations", json=SMALL).status_code == 202
        own = client.get("/api/account").json()
        assert (own["name"], own["queued"]) == ("studio", 1)
        assert own["balance"] < 50
        kinds = [entry["kind"] for entry in client.get("/api/account/ledger").json()["data"]]
        assert sorted(kinds) == ["hold", "top_up"]
        assert client.get("/api/accounts").json()["code"] == "forbidden"
    with locked.client(**{"X-API-Key": root}) as client:
        assert client.get("/api/accounts/studio/keys").json()["data"][0]["last_used_at"]
        assert client.delete(f"/api/keys/{key['id']}").status_code == 204
        assert client.delete("/api/keys/none").json()["code"] == "key_not_found"
        assert client.get("/api/accounts/nobody/keys").json()["code"] == "account_not_found"
        assert client.post("/api/accounts/studio/top-ups", json={"amount": -5}).status_code == 422
    with locked.client(**{"X-API-Key": key["key"]}) as client:
        assert client.get("/api/account").status_code == 401


def test_an_account_is_changed_and_disabled(locked: Served):
    root = locked.account("chief", scopes=("*",), price_list="free")
    key = locked.account("guest", price_list="free")
    with locked.client(**{"X-API-Key": root}) as client:
        changed = client.patch("/api/accounts/guest", json={"max_queued": 1, "priority": 5})
        assert changed.status_code == 200
        assert (changed.json()["max_queued"], changed.json()["price_list"]) == (1, "free")
        odd = {"price_list": "gold"}
        assert client.patch("/api/accounts/guest", json=odd).json()["code"] == "unknown_price_list"
        assert client.patch("/api/accounts/none", json={}).json()["code"] == "account_not_found"
        assert client.patch("/api/accounts/local", json={"disabled": True}).status_code == 422
        with locked.client(**{"X-API-Key": key}) as guest:
            assert guest.post("/api/generations", json=SMALL).status_code == 202
            assert guest.post("/api/generations", json=SMALL).json()["code"] == "too_many_jobs"
            assert guest.patch("/api/accounts/guest", json={}).json()["code"] == "forbidden"
            client.patch("/api/accounts/guest", json={"disabled": True})
            assert guest.get("/api/account").status_code == 401
            client.patch("/api/accounts/guest", json={"disabled": False})
            assert guest.get("/api/account").json()["queued"] == 1


def test_who_is_told_by_webhooks_can_check_who_tells(locked: Served):
    place = "/api/account/webhook-secret"
    with locked.client(**{"X-API-Key": locked.account("listener")}) as client:
        first = client.get(place).json()["secret"]
        assert first.startswith("whsec_")
        assert client.get(place).json()["secret"] == first
        new = client.post(place).json()["secret"]
        assert new != first
        assert client.get(place).json()["secret"] == new
    with locked.client(**{"X-API-Key": locked.account("viewer", scopes=("read",))}) as client:
        assert client.get(place).json()["code"] == "forbidden"


def heard(served: Served, path: str, key: str) -> bytes:
    """The status of an answer that comes before any of the body that was announced."""
    host, _, port = served.url.removeprefix("http://").partition(":")
    lines = (
        f"POST {path} HTTP/1.1",
        f"Host: {host}",
        f"X-API-Key: {key}",
        "Content-Type: application/json",
        "Content-Length: 99000000000",
    )
    with socket.create_connection((host, int(port)), 60) as line:
        line.sendall("\r\n".join((*lines, "", "")).encode())
        return line.recv(12).removeprefix(b"HTTP/1.1 ")


@pytest.mark.parametrize("path", ["", "/local/top-ups", "/local/keys"])
def test_no_body_is_read_that_is_a_strangers_or_too_large(locked: Served, path: str):
    assert heard(locked, f"/api/accounts{path}", "ltx_unknown") == b"401"
    root = locked.account(f"reader{len(path)}", scopes=("*",), price_list="free")
    assert heard(locked, f"/api/accounts{path}", root) == b"413"
    with locked.client(**{"X-API-Key": root}) as client:
        odd = client.post(f"/api/accounts{path}", content=b'{"\\ud800": 1}')
        assert odd.json()["code"] == "body_invalid"
        unknown = client.post(f"/api/accounts{path}", json={"colour": 1})
        assert "unknown_field" in [one["code"] for one in unknown.json()["problems"]]
