"""The handler that RunPod's SDK calls: waits beside the GPU's thread and answers; one of the doors.

Knows the SDK's conventions (a string `error` is a failure, what cannot be JSON is never sent, a
cancelled job is a cancelled task), and nothing of what a job is.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from ltxserve.errors import Cancelled, GenerationFailed, LtxserveError
from ltxserve.pool.base import Tell, WorkerBroken
from ltxserve.pool.performing import Telling, coded
from ltxserve.runpod.leaving import Leaving
from ltxserve.runpod.making import Order, is_pooled
from ltxserve.runpod.progress import EVERY, Reporter
from ltxserve.runpod.results import Output, checked, failure

Job = Mapping[str, Any]
Send = Callable[[Job, dict[str, Any]], Awaitable[None]]
Make = Callable[[Order, Tell], Output]
EXHAUSTED = 3
"""Runs in a row without memory after which a fresh process is the better bet."""
_REMEMBERED = 4
"""Answers kept for jobs that are sent again; each is at most what RunPod carries, 10 MB."""
log = logging.getLogger(__name__)


@dataclass
class Worker:
    """One engine, one job at a time. config: the SDK's, the same object that `start` is given.

    send: delivers an update of a job. every: seconds between updates.
    """

    make: Make
    send: Send
    leaving: Leaving
    config: dict[str, Any] = field(default_factory=dict[str, Any])
    every: float = EVERY
    _thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "engine"))
    _running: Telling | None = None
    _exhausted: int = 0
    _given: OrderedDict[str, Output] = field(default_factory=OrderedDict[str, Output])

    async def handle(self, job: dict[str, Any]) -> Output:
        """The answer to a job. Raises nothing but CancelledError, once its work has stopped."""
        key = _key_of(job)
        if key is not None and key in self._given:
            # The platform never got the answer, and sent the job again.
            return dict(self._given[key])
        reporter = Reporter(lambda update: self.send(job, update), self.every)
        telling = Telling(reporter.offer)
        work = asyncio.get_running_loop().run_in_executor(self._thread, self._made, job, telling)
        self._running = telling
        try:
            output = await asyncio.shield(work)
        except asyncio.CancelledError:
            telling.cancel()
            # The GPU is free before the next job comes; and one that broke is one that broke.
            self._after(await _over(work))
            await reporter.close()
            raise
        finally:
            self._running = None
        self._after(output)
        await reporter.close()
        answer = checked(output)
        self._remember(key, answer)
        return dict(answer)

    def give_up(self) -> None:
        """Stop the running job: this worker has no more time."""
        if self._running is not None:
            self._running.cancel()

    def _made(self, job: Job, tell: Telling) -> Output:
        order = Order(str(job.get("id", "")), job.get("input"), job.get("s3Config"))
        pooled = is_pooled(order.input)
        try:
            return self.make(order, tell)
        except Cancelled as error:
            return failure(_sent_back() if self.leaving.began else error, pooled)
        except WorkerBroken as broken:
            return failure(broken.cause, pooled)
        except BaseException as error:  # noqa: BLE001 - a door: its answer has a code
            return failure(coded(_as_exception(error)), pooled)

    def _after(self, output: Output) -> None:
        """A process that has lost its device, or its memory for good, makes room."""
        code = output.get("error_code")
        self._exhausted = self._exhausted + 1 if code == "out_of_memory" else 0
        if code == "device_broken" or self._exhausted >= EXHAUSTED:
            # The SDK looks at this after every job; an answer's own flag would not make it leave.
            self.config["refresh_worker"] = True
            self.leaving.begin()

    def _remember(self, key: str | None, answer: Output) -> None:
        if key is None or answer.get("error"):
            return
        self._given[key] = answer
        while len(self._given) > _REMEMBERED:
            self._given.popitem(last=False)


def _sent_back() -> LtxserveError:
    return GenerationFailed(
        "worker_lost",
        "The worker was told to end before the job was finished.",
        "Send the job again; another worker does it.",
    )


def _as_exception(error: BaseException) -> Exception:
    """The error; a panic of a library in Rust, which is no Exception, would leave no answer."""
    if isinstance(error, Exception):
        return error
    told = RuntimeError(f"{type(error).__name__}: {error}")
    told.__cause__ = error
    return told


async def _over(work: asyncio.Future[Output]) -> Output:
    """What work comes to, waited for however often we are told not to."""
    while not work.done():
        try:
            await asyncio.wait([work])
        except asyncio.CancelledError:
            continue
    return work.result()


def _key_of(job: Job) -> str | None:
    """What tells a job that is sent again; None for an input that cannot be compared."""
    try:
        text = json.dumps(job.get("input"), sort_keys=True)
    except (TypeError, ValueError, RecursionError):
        return None
    return f"{job.get('id')} {hash(text)}"


async def send_update(job: Job, update: dict[str, Any]) -> None:
    """Deliver an update through the SDK, and return when it has arrived.

    Its `progress_update` starts a thread for each one, so that they overtake each other and the
    result; this is what such a thread does.
    """
    from runpod.http_client import AsyncClientSession
    from runpod.serverless.modules.rp_http import send_result

    async with AsyncClientSession() as session:
        await send_result(session, {"status": "IN_PROGRESS", "output": update}, dict(job))


async def log_update(job: Job, update: dict[str, Any]) -> None:
    """Show an update: of a local run, where there is no platform to tell."""
    told = {name: value for name, value in update.items() if name != "preview"}
    log.info("%s %s", job.get("id"), json.dumps(told))


def choose_send() -> Send:
    """How updates are delivered here."""
    return send_update if os.environ.get("RUNPOD_WEBHOOK_POST_OUTPUT") else log_update
