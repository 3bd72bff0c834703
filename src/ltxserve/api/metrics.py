"""What Prometheus reads: queues and jobs from the database, workers from the pool, own requests.

Gauges come from SQL at every scrape, so a restart changes nothing; no account and no prompt is in
a label. Every API replica tells of the same jobs: scrape one, or take the maximum.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from ltxserve.api.door import Handled
from ltxserve.credits import ledger
from ltxserve.db.tables import jobs
from ltxserve.errors import LtxserveError
from ltxserve.jobs.listing import counts

if TYPE_CHECKING:
    from ltxserve.app import App

CONTENT_TYPE = CONTENT_TYPE_LATEST
SECONDS = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_BATCH = 2000


class Metrics:
    """All metrics of one server, in a registry of their own."""

    def __init__(self, app: App) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "ltxserve_http_requests",
            "Requests by route and status.",
            ("method", "route", "status"),
            registry=self._registry,
        )
        self._latency = Histogram(
            "ltxserve_http_request_seconds",
            "Time to answer.",
            ("route",),
            registry=self._registry,
            buckets=SECONDS,
        )
        self._runs = Runs(app.database, self._registry)
        self._registry.register(Now(app))

    def count(self, handled: Handled) -> None:
        """Note one request."""
        # Any word can be a method; each would be a series of its own.
        method = handled.method if handled.method in METHODS else "other"
        self._requests.labels(method, handled.route, handled.status).inc()
        self._latency.labels(handled.route).observe(handled.seconds)

    def text(self) -> bytes:
        """Everything in Prometheus' text format; reads the database."""
        with contextlib.suppress(LtxserveError):  # the gauges say that the database is gone
            self._runs.catch_up()
        return generate_latest(self._registry)


class Runs:
    """Histograms of finished jobs, each counted once, from where the process began."""

    def __init__(self, database: Any, registry: CollectorRegistry) -> None:
        self._database = database
        self._since = time.time()
        self._lock = threading.Lock()
        self._wait = _histogram("ltxserve_queue_wait_seconds", "Submit to start.", (), registry)
        self._run = _histogram("ltxserve_run_seconds", "Start to end.", ("model",), registry)
        self._memory = Gauge(
            "ltxserve_peak_memory_bytes",
            "Most memory of the newest run: of the GPU's allocator, or of the process on a CPU.",
            ("model",),
            registry=registry,
        )
        self._stage = _histogram(
            "ltxserve_stage_seconds", "Time of one stage.", ("model", "stage"), registry
        )

    def catch_up(self) -> None:
        """Count the jobs that ended since the last call."""
        with self._lock, self._database.read() as conn:
            query = (
                sa.select(
                    jobs.c.created_at,
                    jobs.c.started_at,
                    jobs.c.finished_at,
                    jobs.c.timings,
                    jobs.c.result["peak_memory"].as_float().label("memory"),
                    jobs.c.plan["model"].as_string().label("model"),
                )
                .where(jobs.c.finished_at > self._since, jobs.c.started_at.is_not(None))
                .order_by(jobs.c.finished_at)
                .limit(_BATCH)
            )
            for row in conn.execute(query):
                self._since = row.finished_at
                self._count(row)

    def _count(self, row: Any) -> None:
        model = row.model or "none"
        self._wait.observe(max(0.0, row.started_at - row.created_at))
        self._run.labels(model).observe(max(0.0, row.finished_at - row.started_at))
        if row.memory is not None:
            self._memory.labels(model).set(row.memory)
        for stage, seconds in (row.timings or {}).items():
            if isinstance(seconds, (int, float)):
                self._stage.labels(model, stage).observe(seconds)


class Now:
    """A collector: how things stand at the moment of the scrape."""

    def __init__(self, app: App) -> None:
        self._app = app

    def collect(self) -> Iterator[Metric]:
        """Gauges from SQL and from the pool; `ltxserve_up` says which of them answered."""
        up = GaugeMetricFamily("ltxserve_up", "1 where the part answers.", labels=["part"])
        try:
            found = list(self._from_database())
        except LtxserveError:
            found = []
        up.add_metric(["database"], float(bool(found)))
        slots = self._slots()
        if slots is not None:
            up.add_metric(["pool"], 1.0)
            yield slots
        yield up
        yield from found

    def describe(self) -> list[Metric]:
        """Nothing: names are known when they are collected."""
        return []

    def _from_database(self) -> Iterator[Metric]:
        with self._app.database.read() as conn:
            yield from _queue(conn)
            yield _by_state(conn)
            yield _failures(conn)
            yield _imbalances(conn)

    def _slots(self) -> Metric | None:
        if self._app.pool is None:
            return None
        metric = GaugeMetricFamily("ltxserve_slots", "Workers.", labels=["device", "state"])
        try:
            slots = self._app.pool.slots()
        except LtxserveError:
            return None
        for device, state in sorted({(slot.device, slot.state) for slot in slots}):
            here = [slot for slot in slots if (slot.device, slot.state) == (device, state)]
            metric.add_metric([device, state], len(here))
        return metric


def _histogram(
    name: str, text: str, labels: tuple[str, ...], registry: CollectorRegistry
) -> Histogram:
    return Histogram(name, text, labels, registry=registry, buckets=SECONDS)


def _queue(conn: sa.Connection) -> Iterator[Metric]:
    waiting = counts(conn)
    yield GaugeMetricFamily("ltxserve_queue_depth", "Jobs that wait.", value=waiting.queued)
    yield GaugeMetricFamily("ltxserve_running", "Jobs that run.", value=waiting.running)
    age = 0.0 if waiting.oldest_queued_at is None else time.time() - waiting.oldest_queued_at
    yield GaugeMetricFamily("ltxserve_queue_oldest_seconds", "Age of the oldest.", value=age)


def _by_state(conn: sa.Connection) -> Metric:
    metric = GaugeMetricFamily("ltxserve_jobs", "Jobs on record.", labels=["kind", "state"])
    query = sa.select(jobs.c.kind, jobs.c.state, sa.func.count()).group_by(
        jobs.c.kind, jobs.c.state
    )
    for kind, state, number in conn.execute(query):
        metric.add_metric([kind, state], number)
    return metric


def _failures(conn: sa.Connection) -> Metric:
    metric = GaugeMetricFamily("ltxserve_failures", "Failed jobs on record.", labels=["code"])
    code = jobs.c.error["code"].as_string()
    query = sa.select(code, sa.func.count()).where(jobs.c.state == "failed").group_by(code)
    for name, number in conn.execute(query):
        metric.add_metric([name or "none"], number)
    return metric


def _imbalances(conn: sa.Connection) -> Metric:
    wrong = len(ledger.imbalances(conn))
    text = "Accounts whose balance is not the sum of their ledger: 0, or raise an alarm."
    return GaugeMetricFamily("ltxserve_ledger_imbalances", text, value=wrong)
