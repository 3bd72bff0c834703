"""A Ray cluster as a pool needs it: named actors, calls and their errors; knows no work.

The only module that imports Ray, and late. One connection serves all pools of this process.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import threading
from collections.abc import Sequence
from typing import Any

from ltxserve.errors import ModelUnavailable
from ltxserve.pool.base import PoolUnavailable
from ltxserve.pool.ray_desk import Desk
from ltxserve.pool.ray_seats import Address, DeskGone, Silent

CALLS_AT_ONCE = 8
"""Threads of an actor: a look waits for news in one while others are served."""
_CONNECTION = threading.RLock()
_users: set[int] = set()


class Cluster:
    """Actors of one namespace. Every method but the first two needs a connection.

    Raises ModelUnavailable `backend_missing` where Ray is not installed.
    """

    def __init__(self, address: Address) -> None:
        try:
            # By name: a type checker is not to miss what only the extra brings.
            ray = importlib.import_module("ray")
        except ImportError as error:
            raise ModelUnavailable(
                "backend_missing", "Ray is not installed.", "pip install 'ltxserve[ray]'."
            ) from error
        self._ray: Any = ray
        self._address = address
        self._broken = _connection_errors()

    def connect(self) -> bool:
        """Have a connection; whether it is a new one, so that handles of old ones are void.

        Raises PoolUnavailable.
        """
        with _CONNECTION:
            is_mine = id(self) in _users
            if self._ray.is_initialized():
                _users.add(id(self))
                return not is_mine
            _users.clear()
            try:
                self._ray.init(
                    self._address.cluster,
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                    configure_logging=False,
                )
            except (*self._broken, ValueError) as error:
                raise _unavailable(error) from error
            _users.add(id(self))
            return True

    def disconnect(self, for_all: bool = False) -> None:
        """Let go of the connection; for_all: it is broken, whoever else uses it."""
        with _CONNECTION:
            _users.discard(id(self))
            if for_all or not _users:
                _users.clear()
                with contextlib.suppress(*self._broken):
                    self._ray.shutdown()

    def gpus(self) -> int:
        """GPUs of all nodes that are alive."""
        with self._translated():
            return int(self._ray.cluster_resources().get("GPU", 0))

    def names(self) -> set[str]:
        """Of all actors that live, or will live again."""
        with self._translated():
            listed = self._ray.util.list_named_actors(all_namespaces=True)
        return {one["name"] for one in listed if one["namespace"] == self._address.namespace}

    def desk(self, name: str, spec: str, patience: str, gpu: bool) -> Any:
        """The desk of this name, made where there is none; it may take long to be placed."""
        needs = {"num_gpus": 1, "num_cpus": 0} if gpu else {"num_cpus": 1}
        options = {
            "name": name,
            "namespace": self._address.namespace,
            "lifetime": "detached",
            "get_if_exists": True,
            "max_restarts": -1,
            "max_task_retries": 0,
            "max_concurrency": CALLS_AT_ONCE,
            "scheduling_strategy": "SPREAD",
            **needs,
        }
        with self._translated():
            return self._ray.remote(Desk).options(**options).remote(spec, patience)

    def call(self, desk: Any, method: str, *words: str) -> Any:
        """Begin a call; what `get` and `ready` take."""
        with self._translated():
            return getattr(desk, method).remote(*words)

    def ready(self, calls: Sequence[Any], seconds: float) -> list[Any]:
        """Those calls that have ended, as soon as one has, at the latest after so long."""
        with self._translated():
            return self._ray.wait(list(calls), num_returns=1, timeout=seconds)[0]

    def get(self, call: Any, seconds: float) -> Any:
        """The answer. Raises DeskGone, Silent, PoolUnavailable."""
        with self._translated():
            return self._ray.get(call, timeout=seconds)

    def kill(self, name: str, again: bool) -> None:
        """End an actor; again: Ray starts it anew."""
        with contextlib.suppress(ValueError), self._translated():
            actor = self._ray.get_actor(name, namespace=self._address.namespace)
            self._ray.kill(actor, no_restart=not again)

    @contextlib.contextmanager
    def _translated(self) -> Any:
        errors = self._ray.exceptions
        try:
            yield
        except errors.ActorUnavailableError as error:
            raise DeskGone(_told(error), dead=False) from error
        except errors.RayActorError as error:
            raise DeskGone(_told(error), dead=True) from error
        except errors.GetTimeoutError as error:
            raise Silent from error
        except (*self._broken, errors.RayError) as error:
            raise _unavailable(error) from error


def _connection_errors() -> tuple[type[Exception], ...]:
    """What Ray's client raises when the other side is gone; RuntimeError, too."""
    errors: list[type[Exception]] = [OSError, RuntimeError]
    with contextlib.suppress(ImportError):
        errors.append(importlib.import_module("grpc").RpcError)
    return tuple(errors)


def _unavailable(error: Exception) -> PoolUnavailable:
    return PoolUnavailable(
        "pool_unavailable",
        f"The Ray cluster does not answer: {_told(error)}",
        "Check that its head runs, and RAY_AUTH_TOKEN where the cluster asks for one.",
    )


def _told(error: Exception) -> str:
    """The first line of a foreign error, and where that only announces a trace, the last."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    text = lines[0] if not lines[0].endswith(":") else f"{lines[0]} {lines[-1].strip()}"
    return text[:300]
