"""RunPod on loopback: to workers it hands out jobs, takes results and hears pings; to clients it is
the endpoint's API.

What it does is what the real SDK was seen to rely on; faults are switched on by tests.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from tests.guards.tree import ROOT
from tests.loopback import Loopback, Reply, Request

PATIENCE = 300.0
"""Seconds after which a test gives up waiting: a worker starts meanwhile, on a busy machine."""

LOOK = 0.05
"""Seconds between looks at processes, which tell nobody that they end."""


@dataclass(frozen=True)
class Told:
    """A POST of a worker: progress, or the end of a job."""

    job: str
    body: Mapping[str, Any]
    status: int

    @property
    def is_progress(self) -> bool:
        return self.body.get("status") == "IN_PROGRESS"

    @property
    def output(self) -> dict[str, Any]:
        return self.body.get("output") or {}


@dataclass
class Platform(Loopback):
    """The endpoint ep1. faults: statuses that the next results get instead of being taken.

    hold: seconds that polls are held open.
    """

    hold: float = 0.5
    faults: list[int] = field(default_factory=list[int])
    told: list[Told] = field(default_factory=list[Told])
    pings: list[str] = field(default_factory=list[str])
    taken: list[str] = field(default_factory=list[str])
    cancelled: set[str] = field(default_factory=set[str])

    def __post_init__(self) -> None:
        super().__init__(self.answer)
        self._queue: list[dict[str, Any]] = []
        self._stops: list[str] = []
        self._change = threading.Condition()

    # ── what a client does ──────────────────────────────────────────────────────────────────
    def submit(self, job_id: str, given: Any, **beside: Any) -> str:
        """Put a job into the queue."""
        with self._change:
            self._queue.append({"id": job_id, "input": given, **beside})
            self._change.notify_all()
        return job_id

    def cancel(self, job_id: str) -> None:
        """As /cancel: out of the queue, or stopped where it runs."""
        with self._change:
            waiting = [job for job in self._queue if job["id"] != job_id]
            if len(waiting) == len(self._queue):
                self._stops.append(job_id)
            self._queue = waiting
            self._change.notify_all()

    def run(self, job_id: str, given: Any, **beside: Any) -> Told:
        """Submit and wait for the end."""
        return self.ended(self.submit(job_id, given, **beside))

    def ended(self, job_id: str) -> Told:
        """The end of a job, waited for."""
        return self.wait(lambda: next(iter(self.ends(job_id)), None), f"the end of {job_id}")

    def ends(self, job_id: str) -> list[Told]:
        return [t for t in self.told if t.job == job_id and not t.is_progress and t.status == 200]

    def progress(self, job_id: str) -> list[dict[str, Any]]:
        return [t.output for t in self.told if t.job == job_id and t.is_progress]

    def running(self, job_id: str) -> dict[str, Any]:
        """The first progress of a job, waited for."""
        return self.wait(lambda: next(iter(self.progress(job_id)), None), f"{job_id} to run")

    def wait(self, look: Callable[[], Any], what: str) -> Any:
        """What `look` gives once it gives something; woken by every call of a worker."""
        end = time.monotonic() + PATIENCE
        with self._change:
            while not (found := look()):
                if not self._change.wait(min(1.0, end - time.monotonic())) and (
                    time.monotonic() > end
                ):
                    raise TimeoutError(f"waited in vain for {what}; heard: {self.told[-3:]}")
        return found

    # ── what a worker sees ──────────────────────────────────────────────────────────────────
    def answer(self, request: Request) -> Reply:
        kind, _, rest = request.path.removeprefix("/v2/ep1/").partition("/")
        client = self._client(kind, rest, request)
        if client is not None:
            return client
        if kind == "job-take":
            return self._take()
        if kind == "job-stop":
            return self._stop()
        if kind == "job-done":
            return self._done(rest.partition("/")[2], request)
        if kind == "ping":
            words = parse_qs(request.target.partition("?")[2])
            with self._change:
                self.pings.append(words.get("job_id", [""])[0])
                self._change.notify_all()
            return Reply(200)
        return Reply(404)

    def _client(self, kind: str, job_id: str, request: Request) -> Reply | None:
        """The calls that clients make, as far as the pool and the official client need them."""
        if kind in ("run", "runsync"):
            body = json.loads(request.body)
            beside = {name: body[name] for name in ("s3Config",) if name in body}
            job_id = self.submit(f"{uuid.uuid4()}-u1", body["input"], **beside)
            if kind == "runsync":
                self.ended(job_id)
                return _json(self._status(job_id))
            return _json({"id": job_id, "status": "IN_QUEUE"})
        if kind == "status":
            return _json(self._status(job_id))
        if kind == "cancel":
            self.cancel(job_id)
            self.cancelled.add(job_id)
            return _json({"id": job_id, "status": "CANCELLED"})
        if kind == "health":
            return _json({"jobs": {}, "workers": {"idle": 1, "running": 0}})
        return None

    def _status(self, job_id: str) -> dict[str, Any]:
        with self._change:
            progress, ends = self.progress(job_id), self.ends(job_id)
        if job_id in self.cancelled:
            return {"id": job_id, "status": "CANCELLED"}
        if ends:
            body = {key: ends[0].body[key] for key in ("output", "error") if key in ends[0].body}
            return {"id": job_id, "status": "FAILED" if "error" in body else "COMPLETED", **body}
        if job_id not in self.taken:
            return {"id": job_id, "status": "IN_QUEUE"}
        told = {"output": progress[-1]} if progress else {}
        return {"id": job_id, "status": "IN_PROGRESS", **told}

    def _held(self, look: Callable[[], Any]) -> Any:
        end = time.monotonic() + self.hold
        with self._change:
            while not (found := look()) and (left := end - time.monotonic()) > 0:
                self._change.wait(left)
        return found

    def _take(self) -> Reply:
        def first() -> dict[str, Any] | None:
            if not self._queue:
                return None
            self.taken.append(self._queue[0]["id"])
            return self._queue.pop(0)

        job = self._held(first)
        return _json(job) if job else Reply(204)

    def _stop(self) -> Reply:
        def all_of_them() -> list[str]:
            stops, self._stops = self._stops, []
            return stops

        stops = self._held(all_of_them)
        return _json({"jobsToStop": stops}) if stops else Reply(204)

    def _done(self, job_id: str, request: Request) -> Reply:
        body = json.loads(request.body)
        with self._change:
            is_end = body.get("status") != "IN_PROGRESS"
            status = self.faults.pop(0) if self.faults and is_end else 200
            self.told.append(Told(job_id, body, status))
            self._change.notify_all()
        return Reply(status)


def _json(value: Any) -> Reply:
    return Reply(200, json.dumps(value).encode(), {"Content-Type": "application/json"})


@dataclass
class Running:
    """A worker process of its own process group, and what it wrote."""

    process: subprocess.Popen[bytes]
    log: Path

    def stop(self, number: int = signal.SIGTERM) -> None:
        self.process.send_signal(number)

    def left(self) -> int:
        """Its exit code, waited for."""
        return self.process.wait(PATIENCE)

    def words(self) -> str:
        return self.log.read_text(errors="replace")


FAKE = "tests.runpod.fake_worker"
REAL = "ltxserve.runpod"


@contextmanager
def worker(
    platform: Platform, folder: Path, module: str = FAKE, **environment: str
) -> Iterator[Running]:
    """A worker at the platform, killed with all its children at the end of the block."""
    base = f"{platform.url}/v2/ep1"
    env = {
        **{k: v for k, v in os.environ.items() if not k.startswith(("RUNPOD_", "LTXSERVE_"))},
        "RUNPOD_WEBHOOK_GET_JOB": f"{base}/job-take/$ID?gpu=test",
        "RUNPOD_WEBHOOK_POST_OUTPUT": f"{base}/job-done/$RUNPOD_POD_ID/$ID?gpu=test",
        "RUNPOD_WEBHOOK_POST_STREAM": f"{base}/job-stream/$RUNPOD_POD_ID/$ID?gpu=test",
        "RUNPOD_WEBHOOK_PING": f"{base}/ping/$RUNPOD_POD_ID?gpu=test",
        "RUNPOD_PING_INTERVAL": "1000",
        "RUNPOD_AI_API_KEY": "rpa_test",
        "RUNPOD_POD_ID": "pod1",
        "RUNPOD_ENDPOINT_ID": "ep1",
        "RUNPOD_SKIP_AUTO_SYSTEM_CHECKS": "true",
        "RUNPOD_SKIP_GPU_CHECK": "true",
        "PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT))),
        "PYTHONUNBUFFERED": "1",
        "LTXSERVE_OPEN_NETWORKS": "127.0.0.0/8",
        "LTXSERVE_DATA_DIR": str(folder / "data"),
        "TMPDIR": str(folder),
        **environment,
    }
    log = folder / f"worker-{len(list(folder.iterdir()))}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", module],
            cwd=ROOT,
            env=env,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    running = Running(process, log)
    try:
        yield running
    except (AssertionError, TimeoutError):
        print(running.words()[-6000:])  # noqa: T201 - pytest shows it with the failure
        raise
    finally:
        kill_group(process.pid)
        process.wait()


def kill_group(pid: int) -> None:
    """Kill a worker and whatever it started."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def wait_until_gone(pid: int) -> None:
    """Until nothing that a worker started is left; who reaps its children takes a moment."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            os.killpg(pid, 0)
        except ProcessLookupError:
            return
        assert time.monotonic() < end, "something has outlived its worker"
        time.sleep(LOOK)
