"""Which service is called, and how requests look on the wire; sends nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from ltxserve.client.steps import Answer, Lost, Request
from ltxserve.errors import ConfigurationError

DEFAULT_SERVER = "http://127.0.0.1:8000"


@dataclass(frozen=True)
class Connection:
    """A service's address and how it is called.

    server: with scheme, and the path it is behind, if any. key: an API key; a service on this
    machine may need none. timeout: seconds of silence that are borne. transport: httpx's own, for
    proxies and tests (a BaseTransport for Client, an AsyncBaseTransport for AsyncClient).
    """

    server: str = DEFAULT_SERVER
    key: str | None = field(default=None, repr=False)
    timeout: float = 30.0
    transport: Any = None

    def options(self) -> dict[str, Any]:
        """What both of httpx's clients take. Raises ConfigurationError for an unusable address."""
        try:
            url = httpx.URL(self.server)
        except httpx.InvalidURL as error:
            raise _bad_server(self.server) from error
        if url.scheme not in ("http", "https") or not url.host:
            raise _bad_server(self.server)
        headers = {"User-Agent": "ltxserve-client"}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        return {
            "base_url": url,
            "headers": headers,
            "timeout": self.timeout,
            "transport": self.transport,
            "follow_redirects": True,  # httpx takes the key along to the same host only
        }


def _bad_server(server: str) -> ConfigurationError:
    return ConfigurationError(
        "settings_invalid",
        f"{server!r} is not the address of a service.",
        f"Write it like {DEFAULT_SERVER}.",
        "server",
    )


@contextmanager
def prepared(request: Request, timeout: float) -> Iterator[dict[str, Any]]:
    """The keyword arguments that httpx's `build_request` takes; files are open inside the block."""
    arguments: dict[str, Any] = {
        "method": request.method,
        "url": request.path,
        "params": _present(request.params) or None,
        "headers": dict(request.headers),
        "timeout": httpx.Timeout(timeout, read=request.timeout or timeout),
    }
    if request.json is not None:
        arguments["json"] = request.json
    if request.file is None:
        yield arguments
        return
    name, path = request.file
    with path.open("rb") as content:
        yield {**arguments, "files": {name: (path.name, content)}}


def answer_of(response: httpx.Response, body: bytes = b"") -> Answer:
    """An answer with its headers in lower case."""
    return Answer(response.status_code, {k.lower(): v for k, v in response.headers.items()}, body)


def lost(error: httpx.HTTPError) -> Lost:
    """What went wrong on the way, in a few words."""
    unsent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
    text = str(error) or type(error).__name__
    if isinstance(error, httpx.TimeoutException):
        text = "it was silent for too long"
    return Lost(text.split("\n")[0].rstrip(".") + _where(error), sent=not unsent)


def _where(error: httpx.HTTPError) -> str:
    """The server that was asked, for messages."""
    try:
        url = error.request.url
    except RuntimeError:  # httpx's way of saying that it belongs to no request
        return ""
    return f" ({url.scheme}://{url.netloc.decode('ascii')})"


def _present(params: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in params.items() if value is not None}
