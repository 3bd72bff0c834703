"""Addresses and requests on the wire."""

from pathlib import Path

import httpx
import pytest

from ltxserve.client.connection import Connection, answer_of, lost, prepared
from ltxserve.client.steps import Request
from ltxserve.errors import ConfigurationError


def test_a_connection():
    options = Connection("https://example.com/behind/", "ltx_key", 5).options()
    assert options["headers"]["Authorization"] == "Bearer ltx_key"
    with httpx.Client(**options) as client:
        assert str(client.build_request("GET", "/api/x").url) == "https://example.com/behind/api/x"
    assert "Authorization" not in Connection().options()["headers"]
    assert "ltx_key" not in repr(Connection(key="ltx_key"))


@pytest.mark.parametrize("server", ["localhost:8000", "ftp://x", "", "http://", "http://[::1"])
def test_addresses_that_are_none(server: str):
    with pytest.raises(ConfigurationError):
        Connection(server).options()


def test_requests(tmp_path: Path):
    file = tmp_path / "a.png"
    file.write_bytes(b"png")
    with prepared(Request("GET", "/x", params={"a": 1, "b": None}, timeout=60), 5) as built:
        assert built["params"] == {"a": 1}
        assert (built["timeout"].read, built["timeout"].connect) == (60, 5)
    with prepared(Request("POST", "/x", file=("file", file)), 5) as built:
        assert built["files"]["file"][0] == "a.png"
        content = built["files"]["file"][1]
    assert content.closed


def test_what_went_wrong():
    assert not lost(httpx.ConnectError("Connection refused")).sent
    assert lost(httpx.ReadTimeout("")).why == "it was silent for too long"
    assert lost(httpx.ReadError("")).why == "ReadError"


def test_headers_are_lower_case():
    answer = answer_of(httpx.Response(200, headers={"Content-Type": "text/x"}), b"b")
    assert (answer.media_type, answer.body) == ("text/x", b"b")
