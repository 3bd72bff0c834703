"""The one safe way to send: what goes to addresses that callers gave; knows no webhook, no store.

Where connections may go is `guarded`'s to judge, as for fetching; redirects are not followed, and
no more of an answer is read than its head.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from pathlib import Path

from ltxserve.errors import MediaError
from ltxserve.media.deadline import Lookup
from ltxserve.media.guarded import PUBLIC, Asking, FetchRules, Guarded

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
    return _send(url, Asking("POST", sized, body), rules, lookup)


def put(url: str, path: Path, headers: Mapping[str, str], rules: FetchRules = PUBLIC) -> int:
    """Send a file, in pieces, to an address that takes it (a presigned URL); the answer's status.

    Raises what `post` raises.
    """
    sized = {"Content-Length": str(path.stat().st_size), **headers}
    asking = Asking("PUT", sized, _pieces(path), slow=True)
    return _send(url, asking, rules, socket.getaddrinfo)


def check_address(
    url: str, rules: FetchRules = PUBLIC, lookup: Lookup = socket.getaddrinfo
) -> None:
    """Whether an address may be sent to, before there is anything to send.

    Raises MediaError `url_refused`. A name that cannot be looked up now is left for later.
    """
    from ssrfguard import SSRFGuardError

    try:
        Guarded(rules, lookup).check_place(url)
    except (SSRFGuardError, ValueError) as error:
        raise _refused() from error
    except OSError:
        return


def _refused() -> MediaError:
    return MediaError("url_refused", "This address is not sent to.", "Give a public http(s) URL.")


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            yield piece


def _send(url: str, asking: Asking, rules: FetchRules, lookup: Lookup) -> int:
    import httpcore
    from ssrfguard import SSRFGuardError

    guarded = Guarded(rules, lookup)
    try:
        with guarded.answer(guarded.checked(url), asking) as answer:
            return answer.status
    except (SSRFGuardError, ValueError) as error:
        raise _refused() from error
    except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError) as error:
        name = type(error).__name__
        raise MediaError("media_fetch_failed", f"There was no answer: {name}.", "") from error
