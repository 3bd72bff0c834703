"""Connections that lead only where callers' URLs may lead; knows no file and no meaning of answers.

Names are looked up once, every answer is checked, and the connection goes to a checked address,
all under one deadline. See docs/decisions/0007-one-safe-fetch.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ltxserve.media.deadline import Lookup

if TYPE_CHECKING:
    import httpcore
    import httpx


_WAITS: tuple[str, ...] = ("connect", "read", "write", "pool")


@dataclass(frozen=True)
class FetchRules:
    """What may be fetched or sent to, and how much of it.

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


PUBLIC = FetchRules()
"""Nothing but what anybody may reach."""


@dataclass(frozen=True)
class Asking:
    """A request besides its address. slow: its answer may take all the time that is left, as of a
    server that first stores what it was sent."""

    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    content: bytes | Iterable[bytes] | None = None
    slow: bool = False

    def waits(self, rules: FetchRules) -> dict[str, float]:
        """Seconds for each kind of waiting, as httpcore names them."""
        waits = dict.fromkeys(_WAITS, rules.connect_seconds)
        if self.slow:
            waits["read"] = rules.total_seconds
        return waits


class Guarded:
    """One transfer, its redirects included, under one deadline and one policy.

    lookup: a stand-in for socket.getaddrinfo; its answers are checked all the same. Its methods
    raise ssrfguard.SSRFGuardError for what the rules close, ValueError (httpx.InvalidURL) for what
    is no URL, and httpcore's TimeoutException, NetworkError and ProtocolError.
    """

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
        self._resolver = bounded_lookup(lookup, deadline, rules.connect_seconds)
        inner = SafeBackend(policy=self._policy, resolver=self._resolver)
        self._backend = DeadlineBackend(inner, deadline)

    def checked(self, url: str) -> httpx.URL:
        """A URL of a legal form; where its name leads is judged when it is connected to."""
        import httpx

        try:
            parsed = httpx.URL(url)
            self._policy.check_url(url)
            # What is checked is what is asked for: the normal form, not what was typed.
            self._policy.check_url(str(parsed.copy_with(fragment=None)))
        except httpx.InvalidURL as error:  # a plain Exception
            raise ValueError("no URL") from error
        return parsed

    def check_place(self, url: str) -> None:
        """Whether a URL leads where it may, before it is used; OSError where that is unknown."""
        from ssrfguard import resolve

        self.checked(url)
        resolve(self._policy.check_url(url), policy=self._policy, resolver=self._resolver)

    @contextmanager
    def answer(self, where: httpx.URL, asking: Asking = Asking()) -> Iterator[httpcore.Response]:
        """Ask once, following nothing; the answer's body is there for the length of the block."""
        import httpcore
        import httpx

        content = asking.content
        context = httpx.create_ssl_context(trust_env=False)
        with (
            httpcore.ConnectionPool(context, network_backend=self._backend) as pool,
            pool.stream(
                asking.method,
                httpcore.URL(
                    scheme=where.raw_scheme,
                    host=where.raw_host,
                    port=where.port,
                    target=where.raw_path,
                ),
                headers={
                    "Host": where.netloc.decode("ascii"),
                    "Connection": "close",
                    **asking.headers,
                },
                content=content if content is None or isinstance(content, bytes) else iter(content),
                extensions={"timeout": asking.waits(self._rules)},
            ) as response,
        ):
            yield response
