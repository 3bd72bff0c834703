"""Links are whole, whatever the store says of them; over the wire: tests/api/test_ltx.py."""

import pytest
from starlette.requests import Request

from ltxserve.api.links import whole


@pytest.mark.parametrize(
    ("url", "link"),
    [
        ("/files/abc", "http://here.example:81/files/abc"),
        ("https://s3.example/b/c", "https://s3.example/b/c"),
    ],
)
def test_a_link_has_an_address(url: str, link: str):
    headers = [(b"host", b"here.example:81")]
    scope = {
        "type": "http",
        "scheme": "http",
        "path": "/x",
        "query_string": b"",
        "headers": headers,
    }
    assert whole(Request(scope), url) == link
