"""The port of a GpuPool: workers that each do one piece of work at a time; it knows no engine.

A pool finds out by itself when a worker dies or falls silent, and replaces it. It keeps no money
and no database: what it says of a job is true for one attempt, and whoever asks decides.
"""

# ruff: noqa: N818 - names say what happened, as in errors.py

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from ltxserve.errors import LtxserveError

WorkState = Literal["running", "succeeded", "failed", "lost", "unknown"]
SlotState = Literal["starting", "ready", "busy", "broken"]
Json = Mapping[str, Any]


@dataclass(frozen=True)
class Work:
    """What one worker does for one job.

    attempt: from 1; a higher one replaces a lower one of the same job. payload: plain JSON, what
    the worker's entry is called with; the pool does not look into it. model: of several free
    workers, one that holds this model is preferred.
    """

    job_id: str
    attempt: int
    payload: Json
    model: str = ""


@dataclass(frozen=True)
class Report:
    """What a pool knows of a job's latest attempt.

    state: `running`; `succeeded` (`result` is there); `failed` (`error` is there; its code is
    `cancelled` after a cancel); `lost` = the worker died, fell silent, or broke under it (`error`
    says how; another attempt may succeed); `unknown` = never started here, or long forgotten.
    updates: what the worker told after the cursor that `poll` was given, in order; of very many,
    the oldest are dropped. next: the cursor for the next poll.
    error: code, message, hint, field. worker: name of the slot that has or had the work.
    """

    state: WorkState
    updates: tuple[Json, ...] = ()
    next: int = 0
    result: Json | None = None
    error: Json | None = None
    worker: str = ""
    attempt: int = 0


UNKNOWN = Report("unknown")


@dataclass(frozen=True)
class Slot:
    """One place where work is done.

    device: "cpu", "mps", "cuda:0", or what a remote pool calls it. busy_with: a job id or None.
    state: `starting` (loading its model), `ready`, `busy`, `broken` (cannot start; see `message`,
    tried again with growing pauses). model: what its worker holds, as it told, or "".
    """

    name: str
    device: str
    busy_with: str | None
    state: SlotState
    model: str = ""
    message: str = ""


@dataclass(frozen=True)
class WorkerSpec:
    """What workers run and where.

    entry: "module:function", called once per worker with `config` (a text of its own, usually
    JSON) and returning what is then called for each piece of work. devices: one worker each;
    empty = every GPU of this machine, or one worker on the CPU. spare: keep a second process per
    device that has loaded its libraries, but no model, so that a dead worker is replaced in the
    time that its model takes; a module's `prepare()` says what to load.
    """

    entry: str
    config: str = "{}"
    devices: tuple[str, ...] = ()
    spare: bool = True


@dataclass(frozen=True)
class Patience:
    """How long a pool waits, in seconds of its own monotonic clock.

    beat: between a worker's signs of life. silence: without any, a worker counts as dead; start:
    the same while it starts, when loading libraries may hold everything up. grace: from a cancel
    to the kill of a worker that has not stopped. keep: how long the end of a job is remembered.
    """

    beat: float = 1.0
    silence: float = 30.0
    start: float = 180.0
    grace: float = 30.0
    keep: float = 1800.0


class Tell(Protocol):
    """Given to the work: reports an update (plain JSON) and raises `Cancelled` after a cancel.

    An update with the key "model" names what the worker holds from now on.
    """

    def __call__(self, update: Json, /) -> None: ...


Body = Callable[[dict[str, Any], Tell], dict[str, Any]]
"""What an entry returns: payload in, result out, plain JSON both; raises coded errors."""
Entry = Callable[[str], Body]
"""What `WorkerSpec.entry` names; may take minutes, for a model to load."""


class NoFreeSlot(LtxserveError):
    """Every worker is busy, starting or broken: the work was not taken; try again later."""

    def __init__(
        self,
        code: str = "no_free_slot",
        message: str = "No worker is free.",
        hint: str = "Try again later.",
        field: str | None = None,
    ) -> None:
        super().__init__(code, message, hint, field)


class PoolUnavailable(LtxserveError):
    """The pool cannot be reached or refuses us; whether work was taken is not known."""


class WorkerBroken(Exception):
    """Raised by the work itself: this process is of no use any more (a broken GPU context).

    The work counts as lost and the worker is replaced. cause: the coded error behind it.
    """

    def __init__(self, cause: LtxserveError) -> None:
        super().__init__(str(cause))
        self.cause = cause


class GpuPool(Protocol):
    """Workers that do one piece of work each. Safe to call from several threads."""

    def start(self, work: Work) -> None:
        """Give work to a free worker and return at once.

        Idempotent by job and attempt: the same again does nothing, even after its end, as long as
        the end is remembered. A higher attempt stops a lower one that still runs.
        Raises NoFreeSlot (the work was not taken), PoolUnavailable.
        """
        ...

    def poll(self, job_id: str, after: int = 0) -> Report:
        """What is known of a job, with its updates since the cursor `after` (0 = from the first).

        Never waits for work. Raises PoolUnavailable where a remote pool does not answer.
        """
        ...

    def cancel(self, job_id: str) -> None:
        """Ask the work to stop at its next update; a worker that does not is killed after a grace.

        Does nothing for jobs that are not running. The end is `failed` with code `cancelled`.
        """
        ...

    def slots(self) -> tuple[Slot, ...]:
        """Every place for work, busy or not."""
        ...

    def close(self) -> None:
        """Let go of the pool: local workers end, remote ones go on and can be found again."""
        ...
