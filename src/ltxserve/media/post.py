"""The one safe way to send: what goes to addresses that callers gave; knows no webhook, no store.

The same rules as media/fetch.py about where connections may go; redirects are not followed, and
no more of an answer is read than its head.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ltxserve.errors import MediaError
from ltxserve.media.deadline import Lookup
from ltxserve.media.fetch import FetchRules

if TYPE_CHECKING:
    from ssrfguard import Policy

PUBLIC = FetchRules()
_WAITS = ("connect", "read", "write", "pool")
_PIECE = 1 << 20


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    rules: FetchRules = PUBLIC,
    lookup: Lookup = socket.getaddrinfo,
) -> int:
    """Send a body and return the status of the answer.

    Raises MediaError `url_refused` for an address that is not public, `media_fetch_failed` where
    no answer comes.
    """
    sized = {"Content-Length": str(len(body)), **headers}
    return _send("POST", url, body, sized, rules, lookup)


def put(url: str, path: Path, headers: Mapping[str, str], rules: FetchRules = PUBLIC) -> int:
    """Send a file, in pieces, to an address that takes it (a presigned URL); the answer's status.

    Raises what `post` raises.
    """
    sized = {"Content-Length": str(path.stat().st_size), **headers}
    return _send("PUT", url, _pieces(path), sized, rules, socket.getaddrinfo)


def check_address(
    url: str, rules: FetchRules = PUBLIC, lookup: Lookup = socket.getaddrinfo
) -> None:
    """Whether an address may be sent to, before there is anything to send.

    Raises MediaError `url_refused`. A name that cannot be looked up now is left for later.
    """
    import httpx
    from ssrfguard import SSRFGuardError, resolve

    from ltxserve.media.deadline import Deadline, bounded_lookup

    policy = _policy(rules)
    resolver = bounded_lookup(lookup, Deadline(rules.total_seconds), rules.connect_seconds)
    try:
        httpx.URL(url)
        resolve(policy.check_url(url), policy=policy, resolver=resolver)
    except (SSRFGuardError, httpx.InvalidURL, ValueError) as error:
        raise _refused() from error
    except OSError:
        return


def _policy(rules: FetchRules) -> Policy:
    from ssrfguard import Policy

    return Policy(
        allowed_networks=rules.networks,  # type: ignore[arg-type]  # parses text itself
        allowed_ports=frozenset(rules.ports),
        max_connection_attempts=2,
    )


def _refused() -> MediaError:
    return MediaError("url_refused", "This address is not sent to.", "Give a public http(s) URL.")


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            yield piece


def _send(
    method: str,
    url: str,
    body: bytes | Iterable[bytes],
    headers: Mapping[str, str],
    rules: FetchRules,
    lookup: Lookup,
) -> int:
    import httpcore
    import httpx
    from ssrfguard import SSRFGuardError
    from ssrfguard.httpx import SafeBackend

    from ltxserve.media.deadline import Deadline, DeadlineBackend, bounded_lookup

    deadline = Deadline(rules.total_seconds)
    policy = _policy(rules)
    resolver = bounded_lookup(lookup, deadline, rules.connect_seconds)
    backend = DeadlineBackend(SafeBackend(policy=policy, resolver=resolver), deadline)
    context = httpx.create_ssl_context(trust_env=False)
    try:
        where = httpx.URL(url)
        policy.check_url(url)
        target = httpcore.URL(
            scheme=where.raw_scheme, host=where.raw_host, port=where.port, target=where.raw_path
        )
        with (
            httpcore.ConnectionPool(context, network_backend=backend) as pool,
            pool.stream(
                method,
                target,
                content=body if isinstance(body, bytes) else iter(body),
                headers={
                    "Host": where.netloc.decode("ascii"),
                    "Connection": "close",
                    **headers,
                },
                extensions={"timeout": dict.fromkeys(_WAITS, rules.connect_seconds)},
            ) as answer,
        ):
            return answer.status
    except (SSRFGuardError, httpx.InvalidURL, ValueError) as error:
        raise _refused() from error
    except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError) as error:
        name = type(error).__name__
        raise MediaError("media_fetch_failed", f"There was no answer: {name}.", "") from error
