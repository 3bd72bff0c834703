"""What a pool on Ray keeps of each desk, and what it needs of a cluster; knows no Ray.

The URL of a cluster is read here, too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

from ltxserve.errors import ConfigurationError
from ltxserve.pool.base import Slot


@dataclass(frozen=True)
class Address:
    """Where the cluster is. workers: how many; 0 = one per GPU of the cluster, at least one.

    namespace: pools of different services on one cluster need different ones.
    """

    cluster: str
    workers: int = 0
    namespace: str = "ltxserve"

    @classmethod
    def of(cls, url: str) -> Address:
        """From ray://HOST:PORT?workers=4&namespace=NAME, or ray://auto on a node of the cluster.

        HOST:PORT is that of Ray's client server, usually port 10001 of the head node.
        Raises ConfigurationError `settings_invalid`.
        """
        wrong = ConfigurationError(
            "settings_invalid",
            "The pool's URL cannot be read.",
            "Write ray://HOST:10001?workers=4, or ray://auto on a node of the cluster.",
            "LTXSERVE_POOL",
        )
        try:
            parts = urlsplit(url)
            told = {name: values[-1] for name, values in parse_qs(parts.query).items()}
            workers = int(told.pop("workers", 0))
            namespace = told.pop("namespace", cls.namespace)
            if parts.netloc != "auto" and parts.port is None:
                raise wrong
        except ValueError:
            raise wrong from None
        if told or workers < 0 or not namespace or parts.path not in ("", "/"):
            raise wrong
        cluster = "auto" if parts.netloc == "auto" else f"ray://{parts.netloc}"
        return cls(cluster, workers, namespace)


@dataclass(frozen=True)
class Rhythm:
    """Seconds. wait: that a desk may keep a look waiting for news.

    answer: for an answer; a desk that takes longer for a look is killed and started again.
    away: for which a desk may be unreachable before its work counts as lost. Ray itself needs 15
    to see that a node is dead; a desk that comes back is told to drop what it still does.
    recount: between looks at how many GPUs the cluster has.
    """

    wait: float = 1.0
    answer: float = 15.0
    away: float = 6.0
    recount: float = 10.0


class DeskGone(Exception):  # noqa: N818 - names say what happened
    """The actor is not there. dead: Ray does not start it again by itself."""

    def __init__(self, why: str, dead: bool) -> None:
        super().__init__(why)
        self.why = why
        self.dead = dead


class Silent(Exception):  # noqa: N818
    """No answer in the time given."""


class Cluster(Protocol):
    """What a pool needs of Ray; see `ray_cluster.Cluster`."""

    def connect(self) -> bool: ...
    def disconnect(self, for_all: bool = False) -> None: ...
    def gpus(self) -> int: ...
    def names(self) -> set[str]: ...
    def desk(self, name: str, spec: str, patience: str, gpu: bool) -> Any: ...
    def call(self, desk: Any, method: str, *words: str) -> Any: ...
    def ready(self, calls: list[Any], seconds: float) -> list[Any]: ...
    def get(self, call: Any, seconds: float) -> Any: ...
    def kill(self, name: str, again: bool) -> None: ...


@dataclass
class Seat:
    """A desk as seen from here."""

    name: str
    slot: Slot
    desk: Any = None
    boot: str = ""
    """Which life of the actor we know; "" = none yet."""
    order: int = 0
    """Of the newest start: what a look saw before that is old."""
    asked: Any = None
    asked_at: float = 0.0
    heard: float = 0.0
    next_at: float = 0.0
    deaths: int = 0
    jobs: dict[str, int] = field(default_factory=dict)
    """Running jobs of this desk -> cursor of the updates that we have."""


def dismiss(cluster: Cluster) -> int:
    """End every worker of the cluster's namespace, with what it does; how many there were.

    Raises PoolUnavailable.
    """
    cluster.connect()
    try:
        names = cluster.names()
        for name in names:
            cluster.kill(name, again=False)
    finally:
        cluster.disconnect()
    return len(names)
