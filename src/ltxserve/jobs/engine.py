"""Durable execution on DBOS, the only module that knows it; knows no job, no money, no worker.

What DBOS needs to be told, and why: docs/decisions/0009. JSON instead of pickle (who can write the
database must not run code here), one fixed executor id and version (a restart finds its own runs),
one SQLite, and registrations that end with the engine that made them.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from dbos import DBOS, DBOSClient, DBOSConfig, DBOSPortableJSONSerializer, EnqueueOptions

from ltxserve.db.database import Database, sqlite_module
from ltxserve.db.ids import new_id

Json = Any
Step = Callable[[str, Callable[[], Json]], Json]
"""`step(name, body)` runs body and keeps its result; a later run of the same gets that result."""
Body = Callable[[str, Step], Json]
"""What runs: its argument and a Step in, plain JSON out. After a kill it runs again from its start;
steps that were kept are not run again."""

NAME = "ltxserve"
EXECUTOR = "orch-0"
VERSION = "1"
"""Of the way runs are written down, not of the package: a new release finishes the old one's."""
_RUN = "ltxserve.run"
_MIDDLE = 1_000_000
_LIMIT = 10**9
_MOST_RUNS = 512
_only_one = threading.Lock()  # DBOS is one per process
_JSON = DBOSPortableJSONSerializer()
_OVER = frozenset({"SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"})


@dataclass(frozen=True)
class Lane:
    """A queue. width: runs at once. poll_seconds: how often it is looked at.

    Within one partition, higher priority first, then older; partitions take turns at random.
    """

    name: str
    width: int
    poll_seconds: float


@dataclass(frozen=True)
class Ticket:
    """One run to be: which body with which argument, in which lane, for whom (partition).

    run_id: a second ticket of the same id is the same run. priority: higher is sooner.
    """

    lane: str
    body: str
    argument: str
    partition: str
    priority: int = 0
    delay_seconds: float = 0.0
    run_id: str = field(default_factory=new_id)


class LeftForLater(BaseException):
    """Raised by a body or in a step: stop here without an end; the next engine runs it again.

    No Exception, so that nothing on the way takes it for an error and writes it down as the end.
    """


class Enqueuer:
    """Puts runs into lanes, inside the caller's transaction; all that an API replica needs."""

    def __init__(self, database: Database) -> None:
        self._client = DBOSClient(
            system_database_engine=database.engine,
            serializer=_JSON,
            application_name=NAME,
            lazy=True,
            retry_connection_errors=False,
        )

    def enqueue(self, conn: sa.Connection, ticket: Ticket) -> None:
        """The run exists when the caller's transaction is committed, and not otherwise."""
        options: EnqueueOptions = {
            "workflow_name": _RUN,
            "queue_name": ticket.lane,
            "workflow_id": ticket.run_id,
            "queue_partition_key": ticket.partition,
            "priority": _MIDDLE - max(-_LIMIT, min(ticket.priority, _MIDDLE - 1)),
            "app_version": VERSION,
        }
        if ticket.delay_seconds > 0:
            options["delay_seconds"] = ticket.delay_seconds
        self._client.enqueue_in_transaction(conn, options, ticket.body, ticket.argument)

    def live(self, prefixes: Sequence[str], longest_delay: float | None = None) -> set[str]:
        """Which of the run id prefixes have a run that waits or runs.

        longest_delay: seconds; a run that is delayed for longer was not meant to be, the wall clock
        has gone back in the meantime: its delay ends now.
        """
        if not prefixes:
            return set()
        runs = self._client.list_workflows(
            workflow_id_prefix=list(prefixes), load_input=False, load_output=False
        )
        if longest_delay is not None:
            end = (time.time() + longest_delay) * 1000
            for run in runs:
                if run.status == "DELAYED" and (run.delay_until_epoch_ms or 0) > end:
                    self._client.set_workflow_delay(run.workflow_id, delay_seconds=0.0)
        alive = [run.workflow_id for run in runs if run.status not in _OVER]
        return {prefix for prefix in prefixes if any(run.startswith(prefix) for run in alive)}

    def forget(self, before: float, limit: int = 500) -> int:
        """Remove the records of runs that were over before a time (seconds UTC); how many."""
        runs = self._client.list_workflows(
            status=sorted(_OVER),
            completed_before=datetime.fromtimestamp(before, UTC).isoformat(),
            limit=limit,
            load_input=False,
            load_output=False,
        )
        if runs:
            self._client.delete_workflows([run.workflow_id for run in runs])
        return len(runs)

    def close(self) -> None:
        """Give up; the database's own engine stays open."""
        self._client.destroy()


class DurableEngine:
    """Runs what is in the lanes. One per database, and one per process: see jobs/lock.py."""

    def __init__(
        self, database: Database, bodies: Mapping[str, Body], lanes: Sequence[Lane]
    ) -> None:
        self._database = database
        self._bodies = dict(bodies)
        self._lanes = tuple(lanes)
        self._running = False

    def start(self) -> None:
        """Take up the runs that an earlier process left unfinished, then the queued ones.

        Raises RuntimeError where this process runs another engine already.
        """
        if not _only_one.acquire(blocking=False):
            raise RuntimeError("this process runs a durable engine already")
        try:
            self._launch()
        except BaseException:
            # Half a launch would be in the way of the next one.
            DBOS.destroy(destroy_registry=True)
            _only_one.release()
            raise
        self._running = True

    def _launch(self) -> None:
        migrate(self._database)
        # The registry outlives DBOS.destroy unless told otherwise; a second engine in this process
        # would find the first one's bodies.
        bodies = self._bodies

        @DBOS.workflow(name=_RUN, max_recovery_attempts=None)
        def run(body: str, argument: str) -> Json:
            return bodies[body](argument, _step)

        DBOS(config=_config(self._database))
        DBOS.listen_queues([lane.name for lane in self._lanes])
        self._register(self._lanes)
        DBOS.launch()

    def widen(self, lane: str, width: int) -> None:
        """Change how many runs of a lane go on at once."""
        self._register([replace(one, width=width) for one in self._lanes if one.name == lane])

    def _register(self, lanes: Sequence[Lane]) -> None:
        """Before the launch, so that lanes are looked at from the first moment on."""
        with _registering(self._database) as client:
            for lane in lanes:
                client.register_queue(
                    lane.name,
                    worker_concurrency=lane.width,
                    partition_worker_concurrency=lane.width,
                    polling_interval_sec=lane.poll_seconds,
                    on_conflict="always_update",
                    application_name=NAME,
                )

    def close(self) -> None:
        """Stop taking runs and let go; runs whose bodies have not returned run again later."""
        if self._running:
            self._running = False
            DBOS.destroy(destroy_registry=True)
            _only_one.release()


def migrate(database: Database) -> None:
    """Bring the engine's own tables to the form it needs; safe to call in every process."""
    from dbos._sys_db import SystemDatabase

    # It tells about every table it makes, and about every start.
    logging.getLogger("dbos").setLevel(logging.WARNING)
    system = SystemDatabase.create(
        system_database_url=_url(database),
        engine_kwargs=_engine_options(database),
        engine=None,
        schema="dbos",
        serializer=_JSON,
        executor_id=None,
        app_name=NAME,
    )
    try:
        system.run_migrations()
    finally:
        system.destroy()


def _step(name: str, body: Callable[[], Json]) -> Json:
    return DBOS.run_step({"name": name}, body)


@contextmanager
def _registering(database: Database) -> Iterator[DBOSClient]:
    """A client that may write queues: on connections of its own, as DBOS expects them."""
    engine = sa.create_engine(database.url, **_engine_options(database))
    client = DBOSClient(
        system_database_engine=engine,
        serializer=_JSON,
        application_name=NAME,
        lazy=True,
    )
    try:
        yield client
    finally:
        client.destroy()
        engine.dispose()


def _config(database: Database) -> DBOSConfig:
    return {
        "name": NAME,
        "system_database_url": _url(database),
        "db_engine_kwargs": _engine_options(database),
        "serializer": _JSON,
        "executor_id": EXECUTOR,
        "application_version": VERSION,
        "run_migrations": False,
        # One thread per run that goes on; they are made when they are needed.
        "max_executor_threads": _MOST_RUNS,
        "log_level": "WARNING",
        "scheduler_polling_interval_sec": 3600.0,
    }


def _url(database: Database) -> str:
    return database.url.render_as_string(hide_password=False)


def _engine_options(database: Database) -> dict[str, Any]:
    return {"module": sqlite_module()} if database.is_sqlite else {"pool_pre_ping": True}
