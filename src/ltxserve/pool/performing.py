"""Does one piece of work in this process and says how it ended; knows no pipe and no cluster."""

from __future__ import annotations

import importlib
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from ltxserve.errors import (
    Cancelled,
    ConfigurationError,
    GenerationFailed,
    LtxserveError,
    OutOfMemory,
)
from ltxserve.pool.base import Body, Entry, Json, WorkerBroken

_LONGEST = 300  # characters of a foreign error's text
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """How work ended: with a result, with a coded error, or with a worker that is of no use."""

    state: Literal["succeeded", "failed", "broken"]
    result: Json | None = None
    error: Json | None = None


class Telling:
    """A `Tell` that passes updates on until it is cancelled, from whatever thread."""

    def __init__(self, send: Callable[[Json], None]) -> None:
        self._send = send
        self._stop = threading.Event()

    def cancel(self) -> None:
        """The next update raises `Cancelled`."""
        self._stop.set()

    def __call__(self, update: Json) -> None:
        if self._stop.is_set():
            raise Cancelled()
        self._send(update)


def load_entry(name: str) -> Entry:
    """The function that "module:function" names. Raises ConfigurationError `settings_invalid`."""
    module, _, function = name.partition(":")
    try:
        return getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigurationError(
            "settings_invalid",
            f"{name} is no entry that a worker can run: {error}.",
            "Name it as module:function.",
        ) from error


def perform(body: Body, payload: dict[str, Any], tell: Telling) -> Outcome:
    """Run the work to its end. Raises only what ends the process: this is a door.

    Libraries in Rust panic with what is no Exception; that, too, is the end of the work alone.
    """
    try:
        return Outcome("succeeded", result=body(payload, tell))
    except WorkerBroken as broken:
        return Outcome("broken", error=broken.cause.to_dict())
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:  # noqa: BLE001 - a door: whatever breaks the work is its end
        return Outcome("failed", error=coded(error).to_dict())


def coded(error: BaseException) -> LtxserveError:
    """Any error as one of ours; what is foreign is logged with its trace, and told in one line."""
    if isinstance(error, LtxserveError):
        return error
    if isinstance(error, MemoryError):
        return OutOfMemory()
    log.error("the work broke", exc_info=error)
    text = (str(error).splitlines() or [""])[0][:_LONGEST]
    return GenerationFailed(
        "generation_failed",
        f"The worker broke: {type(error).__name__}: {text}".rstrip(": ") + ".",
        "This is a bug worth reporting; the worker's log has the whole trace.",
    )
