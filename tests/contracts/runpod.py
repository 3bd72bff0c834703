"""RunPod Serverless on loopback, as its documentation describes it, with real workers behind it.

/run, /status, /stream, /cancel and /health of one endpoint; a queue, states, chunks that are
handed out once, results that are forgotten. What its workers run is a local pool's.
"""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from ltxserve.pool.base import GpuPool, NoFreeSlot, Work
from tests.clocks import Clock
from tests.loopback import Loopback, Reply, Request

KEY = "rpa_test"
ENDPOINT = "abc123"
RETENTION = 1800.0
"""Seconds for which results of /run are kept."""


@dataclass
class Run:
    """A job of the endpoint."""

    id: str
    input: Mapping[str, Any]
    policy: Mapping[str, Any]
    status: str = "IN_QUEUE"
    body: dict[str, Any] = field(default_factory=dict)
    cursor: int = 0
    chunks: list[Any] = field(default_factory=list)
    ended: float | None = None


class RunPodServer:
    """Serves while the block lasts. before: answers in place of the endpoint, where not None.

    The handler that its workers run yields its updates, and returns coded errors as documented.
    """

    def __init__(self, workers: GpuPool, before: Callable[[Request], Reply | None] | None = None):
        self.runs: dict[str, Run] = {}
        self.clock = Clock()
        self._workers = workers
        self._before = before or (lambda request: None)
        self._lock = threading.Lock()
        self.loopback = Loopback(self._answer)

    @property
    def url(self) -> str:
        return f"runpod://{ENDPOINT}?api={self.loopback.url}/v2"

    def __enter__(self) -> Self:
        self.loopback.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.loopback.__exit__()
        self._workers.close()

    def idle(self) -> bool:
        """Whether everything has ended."""
        with self._lock:
            self._advance()
            return all(run.ended for run in self.runs.values())

    def _answer(self, request: Request) -> Reply:
        early = self._before(request)
        if early is not None:
            return early
        key = request.headers.get("authorization", "").removeprefix("Bearer ")
        parts = request.path.strip("/").split("/")
        if key != KEY:
            return Reply(401, b"Unauthorized")
        if parts[:2] != ["v2", ENDPOINT] or len(parts) < 3:
            return Reply(404, b"{}")
        with self._lock:
            self._advance()
            call = getattr(self, f"_{request.method.lower()}_{parts[2]}", None)
            return Reply(404, b"{}") if call is None else call(request, *parts[3:])

    def _post_run(self, request: Request) -> Reply:
        body = json.loads(request.body)
        run = Run(f"{uuid.uuid4()}-u1", body["input"], body.get("policy", {}))
        self.runs[run.id] = run
        self._advance()
        return _json({"id": run.id, "status": "IN_QUEUE"})

    def _get_status(self, request: Request, run_id: str) -> Reply:
        run = self._find(run_id)
        if run is None:
            return Reply(404, b'{"error": "job not found"}')
        told = {"id": run.id, "status": run.status, "delayTime": 5, **run.body}
        if run.status == "IN_PROGRESS":
            seen = self._workers.poll(run.id).updates
            told |= {"output": dict(seen[-1])} if seen else {}
        return _json(told)

    def _get_stream(self, request: Request, run_id: str) -> Reply:
        run = self._find(run_id)
        if run is None:
            return Reply(404, b"{}")
        chunks, run.chunks = run.chunks, []
        return _json({"status": run.status, "stream": [{"output": dict(c)} for c in chunks]})

    def _post_cancel(self, request: Request, run_id: str) -> Reply:
        assert request.headers["content-type"] == "application/json"
        run = self._find(run_id)
        if run is None:
            return Reply(404, b"{}")
        if run.status == "IN_QUEUE":
            self._end(run, "CANCELLED")
        elif run.status == "IN_PROGRESS":
            self._workers.cancel(run.id)
        return _json({"id": run.id, "status": "CANCELLED"})

    def _get_health(self, request: Request) -> Reply:
        states = [run.status for run in self.runs.values()]
        jobs = {"inProgress": states.count("IN_PROGRESS"), "inQueue": states.count("IN_QUEUE")}
        return _json({"jobs": jobs, "workers": {"idle": 1, "running": jobs["inProgress"]}})

    def _find(self, run_id: str) -> Run | None:
        run = self.runs.get(run_id)
        if run is not None and run.ended is not None and self.clock() - run.ended > RETENTION:
            return None
        return run

    def _advance(self) -> None:
        """What happens by itself: workers take what waits, and end what runs."""
        for run in self.runs.values():
            if run.status == "IN_QUEUE":
                try:
                    self._workers.start(Work(run.id, 1, run.input["work"]["payload"]))
                except NoFreeSlot:
                    continue
                run.status = "IN_PROGRESS"
            if run.status == "IN_PROGRESS":
                self._follow(run)

    def _follow(self, run: Run) -> None:
        report = self._workers.poll(run.id, run.cursor)
        run.cursor = report.next
        run.chunks += report.updates
        error = report.error or {}
        if report.state == "succeeded":
            self._end(run, "COMPLETED", output=report.result)
        elif error.get("code") == "cancelled":
            self._end(run, "CANCELLED")
        elif report.state == "lost" and error.get("code") == "worker_lost":
            self._end(run, "FAILED", error="job timed out after 1 retries")
        elif report.state in ("failed", "lost"):
            said = f"{error['code'].upper()}: {error['message']}"
            self._end(run, "FAILED", error=said, output={"error_code": error["code"]})

    def _end(self, run: Run, status: str, **body: Any) -> None:
        run.status, run.body = status, {**body, "executionTime": 10, "workerId": "w1"}
        run.ended = self.clock()


def _json(body: Mapping[str, Any]) -> Reply:
    return Reply(200, json.dumps(body).encode(), {"Content-Type": "application/json"})
