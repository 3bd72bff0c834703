"""A cluster in this process: real desks with real workers, in threads in place of actors.

It behaves like Ray where a pool can tell: calls take place elsewhere, actors outlive pools, die
and come back. What Ray itself does is tested on real nodes (tests/ray).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any

from ltxserve.pool.base import PoolUnavailable
from ltxserve.pool.ray_desk import Desk
from ltxserve.pool.ray_seats import DeskGone, Silent


@dataclass
class Actor:
    """A named desk: alive, away (unreachable, still working), or dead."""

    make: Callable[[], Desk]
    desk: Desk
    away: bool = False
    dead: bool = False
    hung: threading.Event | None = None

    def hang(self) -> None:
        """Answer nothing until it is killed, as a process that was stopped."""
        self.hung = threading.Event()

    def wake(self) -> None:
        """Go on."""
        if self.hung is not None:
            self.hung.set()
            self.hung = None


@dataclass
class Cluster:
    """Implements `ray_seats.Cluster`. away: it does not answer. gpu_count: as many GPUs."""

    away: bool = False
    gpu_count: int = 0
    actors: dict[str, Actor] = field(default_factory=dict)
    connections: int = 0
    _connected: bool = False

    def __post_init__(self) -> None:
        self._threads = ThreadPoolExecutor(32, "cluster")
        self._lock = threading.Lock()

    def connect(self) -> bool:
        self._check()
        is_new, self._connected = not self._connected, True
        self.connections += is_new
        return is_new

    def disconnect(self, for_all: bool = False) -> None:
        self._connected = False

    def gpus(self) -> int:
        self._check()
        return self.gpu_count

    def names(self) -> set[str]:
        self._check()
        return {name for name, actor in self.actors.items() if not actor.dead}

    def desk(self, name: str, spec: str, patience: str, gpu: bool) -> Actor:
        self._check()
        with self._lock:
            if name not in self.actors or self.actors[name].dead:

                def make() -> Desk:
                    return Desk(spec, patience)

                self.actors[name] = Actor(make, make())
            return self.actors[name]

    def call(self, desk: Actor, method: str, *words: str) -> Future[Any]:
        self._check()
        return self._threads.submit(self._call, desk, method, *words)

    def ready(self, calls: list[Future[Any]], seconds: float) -> list[Future[Any]]:
        self._check()
        return list(wait(calls, seconds, FIRST_COMPLETED).done)

    def get(self, call: Future[Any], seconds: float) -> Any:
        self._check()
        try:
            return call.result(seconds)
        except TimeoutError as error:
            raise Silent from error

    def kill(self, name: str, again: bool) -> None:
        self._check()
        actor = self.actors[name]
        actor.desk.close()
        actor.wake()
        if again:
            actor.desk = actor.make()
        else:
            actor.dead = True

    def close(self) -> None:
        """End every worker."""
        self.away = False
        for actor in self.actors.values():
            actor.desk.close()
            actor.wake()
        self._threads.shutdown()

    def _call(self, actor: Actor, method: str, *words: str) -> Any:
        if actor.dead or actor.away:
            raise DeskGone("the test says so", dead=actor.dead)
        if actor.hung is not None:
            actor.hung.wait()
            raise DeskGone("it was killed", dead=False)
        try:
            told = getattr(actor.desk, method)(*words)
        except PoolUnavailable as closed:
            raise DeskGone("it was killed", dead=actor.dead) from closed
        if actor.away:
            raise DeskGone("the test says so", dead=False)
        return told

    def _check(self) -> None:
        if self.away:
            raise PoolUnavailable("pool_unavailable", "The cluster is away.")
