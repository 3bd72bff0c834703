"""The one safe fetch: every URL that a caller gives goes through here; knows no media format.

Where connections may go is `guarded`'s to judge, at every redirect anew.
See docs/decisions/0007-one-safe-fetch.md.
"""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ltxserve.errors import MediaError
from ltxserve.media.deadline import Lookup
from ltxserve.media.guarded import PUBLIC, Asking, FetchRules, Guarded

if TYPE_CHECKING:
    import httpx

__all__ = ["FetchRules", "Fetched", "fetch", "is_url", "local_copy", "too_large"]

_REDIRECTS = (301, 302, 303, 307, 308)
_HEADERS = {
    "Accept": "image/*, video/*, audio/*, */*;q=0.1",
    # A compressed answer could be a bomb, and its size could not be judged as it comes.
    "Accept-Encoding": "identity",
    "User-Agent": "ltxserve",
}


@dataclass(frozen=True)
class Fetched:
    """What came: the file, its size, and the media type that its server claimed ("" for none)."""

    path: Path
    bytes: int
    claimed_type: str


def is_url(source: object) -> bool:
    """Whether a source is an http(s) URL."""
    return isinstance(source, str) and source[:8].lower().startswith(("http://", "https://"))


def fetch(
    url: str,
    into: Path,
    rules: FetchRules = PUBLIC,
    lookup: Lookup = socket.getaddrinfo,
) -> Fetched:
    """Fetch an http(s) URL into a file that is there whole, or not at all.

    lookup: a stand-in for socket.getaddrinfo; its answers are checked all the same.
    Raises MediaError: `url_refused` for what is not http(s), names credentials, another port, or
    leads (itself or by a redirect) to an address that is not public; `media_too_large`;
    `media_fetch_failed` for anything else that goes wrong, time-outs included.
    """
    import httpcore
    from ssrfguard import SSRFGuardError

    try:
        return _Fetch(rules, lookup).run(url, into)
    except SSRFGuardError as error:
        # The cause stays in the log: saying which address a name led to would map the network.
        raise MediaError(
            "url_refused",
            f"{_origin(url)} leads to an address, port or form of URL that is not fetched from.",
            "Use a public http(s) URL on port 80 or 443 without user name or password.",
        ) from error
    except httpcore.TimeoutException as error:
        raise _failed(url, "it took too long") from error
    except (httpcore.NetworkError, httpcore.ProtocolError) as error:
        raise _failed(url, "the connection failed or broke") from error


@contextmanager
def local_copy(source: str, rules: FetchRules = PUBLIC) -> Iterator[str]:
    """A source that needs no network: a URL is fetched for the length of the block.

    Raises what `fetch` raises.
    """
    if not is_url(source):
        yield source
        return
    with tempfile.TemporaryDirectory(prefix="ltxserve-fetch-") as folder:
        yield str(fetch(source, Path(folder) / "fetched", rules).path)


class _Fetch:
    """One fetch, its redirects included."""

    def __init__(self, rules: FetchRules, lookup: Lookup) -> None:
        self._rules = rules
        self._guarded = Guarded(rules, lookup)

    def run(self, url: str, into: Path) -> Fetched:
        where = self._checked(url)
        for _ in range(self._rules.max_redirects + 1):
            with self._guarded.answer(where, Asking(headers=_HEADERS)) as response:
                headers = _text(response.headers)
                location = headers.get("location")
                if response.status not in _REDIRECTS or location is None:
                    _check_answer(url, response.status, headers)
                    return self._save(url, response.iter_stream(), headers, into)
            where = self._checked(_joined(where, location))
        raise _failed(url, f"it redirects more than {self._rules.max_redirects} times")

    def _checked(self, url: str) -> httpx.URL:
        try:
            return self._guarded.checked(url)
        except ValueError as error:
            raise _not_a_url() from error

    def _save(
        self, url: str, pieces: Iterator[bytes], headers: Mapping[str, str], into: Path
    ) -> Fetched:
        size, limit = 0, self._rules.max_bytes
        length = headers.get("content-length", "")
        if length.isdigit() and int(length) > limit:
            raise too_large(_origin(url), limit)
        try:
            with into.open("wb") as file:
                for piece in pieces:
                    size += len(piece)
                    if size > limit:
                        raise too_large(_origin(url), limit)
                    file.write(piece)
        except BaseException as error:
            into.unlink(missing_ok=True)
            if isinstance(error, OSError):
                raise _no_room(error) from error
            raise
        return Fetched(into, size, headers.get("content-type", "").split(";")[0].strip().lower())


def too_large(name: str, limit: int) -> MediaError:
    """The error for content over a limit of bytes."""
    return MediaError(
        "media_too_large",
        f"{name} is larger than {limit / 2**20:.4g} MiB.",
        "Send a smaller file, or a shorter or more strongly compressed one.",
    )


def _check_answer(url: str, status: int, headers: Mapping[str, str]) -> None:
    if status != 200:
        raise _failed(url, f"the answer was {status}")
    if headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise _failed(url, "the answer is compressed, though it was asked not to be")


def _joined(where: httpx.URL, location: str) -> str:
    import httpx

    try:
        return str(where.join(location))
    except (httpx.InvalidURL, ValueError, UnicodeError) as error:
        raise _not_a_url() from error


def _text(headers: list[tuple[bytes, bytes]]) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers}


def _origin(url: str) -> str:
    """What of a URL may be shown: scheme and host; the rest may hold a key."""
    scheme, _, rest = url.partition("://")
    host = rest.split("/")[0].split("?")[0].split("#")[0].rpartition("@")[2]
    return f"{scheme[:10]}://{host[:100]}"


def _not_a_url() -> MediaError:
    return MediaError(
        "url_refused", "This is not a URL that can be fetched.", "Give a public http(s) URL."
    )


def _no_room(error: OSError) -> MediaError:
    return MediaError(
        "media_write_failed",
        f"What was fetched could not be kept: {error.strerror or type(error).__name__}.",
        "Free some disk space.",
    )


def _failed(url: str, why: str) -> MediaError:
    return MediaError(
        "media_fetch_failed",
        f"{_origin(url)} could not be fetched: {why}.",
        "Check that the URL opens without a login, or upload the file instead.",
    )
