"""The one safe fetch: every URL that a caller gives goes through here; knows no media format.

Names are looked up once, every answer is checked, and the connection goes to a checked address;
redirects go the same way. See docs/decisions/0007-one-safe-fetch.md.
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

if TYPE_CHECKING:
    import httpx

_REDIRECTS = (301, 302, 303, 307, 308)
_HEADERS = {
    "Accept": "image/*, video/*, audio/*, */*;q=0.1",
    # A compressed answer could be a bomb, and its size could not be judged as it comes.
    "Accept-Encoding": "identity",
    "User-Agent": "ltxserve",
    "Connection": "close",
}


@dataclass(frozen=True)
class FetchRules:
    """What may be fetched, and how much of it.

    max_bytes: of the body. connect_seconds: for a lookup, a connection and each read.
    total_seconds: for everything, redirects included. networks: private networks that the operator
    opens, as CIDR; all that are not public are closed otherwise. ports: that a URL may name.
    """

    max_bytes: int = 512 * 2**20
    connect_seconds: float = 5.0
    total_seconds: float = 60.0
    max_redirects: int = 3
    networks: tuple[str, ...] = ()
    ports: tuple[int, ...] = (80, 443)


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
    rules: FetchRules = FetchRules(),
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
        raise _failed(url, f"it took longer than {rules.total_seconds:g} seconds") from error
    except (httpcore.NetworkError, httpcore.ProtocolError) as error:
        raise _failed(url, "the connection failed or broke") from error


@contextmanager
def local_copy(source: str, rules: FetchRules = FetchRules()) -> Iterator[str]:
    """A source that needs no network: a URL is fetched for the length of the block.

    Raises what `fetch` raises.
    """
    if not is_url(source):
        yield source
        return
    with tempfile.TemporaryDirectory(prefix="ltxserve-fetch-") as folder:
        yield str(fetch(source, Path(folder) / "fetched", rules).path)


class _Fetch:
    """One fetch, its redirects included, under one deadline and one policy."""

    def __init__(self, rules: FetchRules, lookup: Lookup) -> None:
        from ssrfguard import Policy
        from ssrfguard.httpx import SafeBackend

        from ltxserve.media.deadline import Deadline, DeadlineBackend, bounded_lookup

        deadline = Deadline(rules.total_seconds)
        self._rules = rules
        self._policy = Policy(
            allowed_networks=rules.networks,  # type: ignore[arg-type]  # parses text itself
            allowed_ports=frozenset(rules.ports),
            max_connection_attempts=2,
        )
        resolver = bounded_lookup(lookup, deadline, rules.connect_seconds)
        self._backend = DeadlineBackend(
            SafeBackend(policy=self._policy, resolver=resolver), deadline
        )

    def run(self, url: str, into: Path) -> Fetched:
        import httpcore
        import httpx

        context = httpx.create_ssl_context(trust_env=False)
        with httpcore.ConnectionPool(context, network_backend=self._backend) as pool:
            where = self._checked(url)
            for _ in range(self._rules.max_redirects + 1):
                with pool.stream(
                    "GET",
                    httpcore.URL(
                        scheme=where.raw_scheme,
                        host=where.raw_host,
                        port=where.port,
                        target=where.raw_path,
                    ),
                    headers={"Host": where.netloc.decode("ascii"), **_HEADERS},
                    extensions={"timeout": dict.fromkeys(_WAITS, self._rules.connect_seconds)},
                ) as response:
                    headers = _text(response.headers)
                    location = headers.get("location")
                    if response.status not in _REDIRECTS or location is None:
                        _check_answer(url, response.status, headers)
                        return self._save(url, response.iter_stream(), headers, into)
                where = self._checked(_joined(where, location))
        raise _failed(url, f"it redirects more than {self._rules.max_redirects} times")

    def _checked(self, url: str) -> httpx.URL:
        import httpx

        try:
            parsed = httpx.URL(url)
            # What is checked is what is asked for: the normal form, not what was typed.
            self._policy.check_url(url)
            self._policy.check_url(str(parsed.copy_with(fragment=None)))
        except (httpx.InvalidURL, ValueError, UnicodeError) as error:
            raise _not_a_url() from error
        return parsed

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


_WAITS = ("connect", "read", "write", "pool")


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
