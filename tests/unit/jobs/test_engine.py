"""The durable engine on real databases: transactions, order, recovery, steps kept."""

import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest

from ltxserve.db.database import Database
from ltxserve.jobs.engine import (
    Body,
    DurableEngine,
    Enqueuer,
    Lane,
    LeftForLater,
    Step,
    Ticket,
    migrate,
)
from tests.services import wait_until

SECONDS = 30.0


@pytest.fixture
def database(database: Database) -> Database:
    migrate(database)
    return database


class Runs:
    """Bodies that note what ran, and a signal for each."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.news = threading.Condition()

    def note(self, argument: str, step: Step) -> str:
        del step
        with self.news:
            self.ran.append(argument)
            self.news.notify_all()
        return argument

    def wait_for(self, count: int) -> list[str]:
        with self.news:
            assert self.news.wait_for(lambda: len(self.ran) >= count, SECONDS), self.ran
            return list(self.ran)


def engine(database: Database, body: Body, width: int = 1) -> DurableEngine:
    return DurableEngine(database, {"note": body}, [Lane("work", width, 0.02)])


def ticket(argument: str, partition: str = "a", priority: int = 0) -> Ticket:
    return Ticket("work", "note", argument, partition, priority, run_id=argument)


def test_runs_what_a_committed_transaction_enqueued(database: Database) -> None:
    runs, enqueuer = Runs(), Enqueuer(database)
    work = engine(database, runs.note)
    with database.begin() as conn:
        enqueuer.enqueue(conn, ticket("before-start"))
    work.start()
    try:
        assert runs.wait_for(1) == ["before-start"]
        with pytest.raises(KeyError), database.begin() as conn:
            enqueuer.enqueue(conn, ticket("rolled-back"))
            raise KeyError
        with database.begin() as conn:
            enqueuer.enqueue(conn, ticket("after"))
        assert runs.wait_for(2) == ["before-start", "after"]
    finally:
        work.close()
        enqueuer.close()


def test_higher_priority_first_then_older_and_accounts_take_turns(database: Database) -> None:
    runs, enqueuer = Runs(), Enqueuer(database)
    with database.begin() as conn:
        for number in range(12):
            enqueuer.enqueue(conn, ticket(f"a{number:02}", "a", priority=9 if number == 11 else 0))
        enqueuer.enqueue(conn, ticket("b00", "b"))
    work = engine(database, runs.note)
    work.start()
    try:
        order = runs.wait_for(13)
    finally:
        work.close()
        enqueuer.close()
    of_a = [name for name in order if name.startswith("a")]
    assert of_a == ["a11", *(f"a{number:02}" for number in range(11))]
    assert order.index("b00") < 12  # random turns: the last place has a chance of 2**-12


def test_the_same_run_id_runs_once(database: Database) -> None:
    runs, enqueuer = Runs(), Enqueuer(database)
    with database.begin() as conn:
        enqueuer.enqueue(conn, ticket("one"))
        enqueuer.enqueue(conn, ticket("one"))
        enqueuer.enqueue(conn, ticket("two"))
    work = engine(database, runs.note)
    work.start()
    try:
        assert sorted(runs.wait_for(2)) == ["one", "two"]
    finally:
        work.close()
    assert sorted(runs.ran) == ["one", "two"]
    enqueuer.close()


def test_records_of_what_is_over_are_removed_in_time(database: Database) -> None:
    runs, enqueuer = Runs(), Enqueuer(database)
    with database.begin() as conn:
        for name in ("one", "two", "three"):
            enqueuer.enqueue(conn, ticket(name))
    work = engine(database, runs.note)
    work.start()
    try:
        runs.wait_for(3)
        wait_until(lambda: not enqueuer.live(["one", "two", "three"]))
    finally:
        work.close()
    assert enqueuer.forget(time.time() - 60) == 0
    assert [enqueuer.forget(time.time() + 60, limit=2) for _ in range(3)] == [2, 1, 0]
    enqueuer.close()


def test_says_which_runs_are_alive_and_forgets_none_of_them(database: Database) -> None:
    enqueuer = Enqueuer(database)
    with database.begin() as conn:
        enqueuer.enqueue(conn, ticket("one"))
    assert enqueuer.live(["one", "two"]) == {"one"}
    assert enqueuer.forget(time.time() + 60) == 0
    assert enqueuer.live(["one"]) == {"one"}, "what still waits is kept"
    enqueuer.close()


def test_a_delay_that_a_step_of_the_clock_made_long_is_ended(database: Database) -> None:
    runs, enqueuer = Runs(), Enqueuer(database)
    with database.begin() as conn:
        for name, delay in (("meant", 20.0), ("long", 7200.0)):
            enqueuer.enqueue(conn, replace(ticket(name), delay_seconds=delay))
    assert enqueuer.live(["meant", "long"]) == {"meant", "long"}
    assert enqueuer.live(["meant", "long"], longest_delay=60.0) == {"meant", "long"}
    work = engine(database, runs.note)
    work.start()
    try:
        assert runs.wait_for(1) == ["long"]
        assert enqueuer.live(["meant"]) == {"meant"}
    finally:
        work.close()
        enqueuer.close()


KILLED = """
import os, sys
from ltxserve.db.database import Database
from ltxserve.jobs.engine import DurableEngine, Enqueuer, Lane, Ticket
database = Database(sys.argv[1])
def body(argument, step):
    step("first", lambda: print("first", flush=True))
    print("second", flush=True)
    if sys.argv[2] == "die":
        os._exit(9)
    print("done", flush=True)
    os._exit(0)
work = DurableEngine(database, {"note": body}, [Lane("work", 1, 0.02)])
if sys.argv[2] == "die":
    with database.begin() as conn:
        Enqueuer(database).enqueue(conn, Ticket("work", "note", "x", "a"))
work.start()
import threading
threading.Event().wait(30)
"""


def test_a_killed_process_leaves_its_run_to_the_next(database: Database) -> None:
    url = database.url.render_as_string(hide_password=False)
    first, second = (
        subprocess.run(
            [sys.executable, "-c", KILLED, url, end], capture_output=True, text=True, timeout=60
        )
        for end in ("die", "live")
    )
    assert first.returncode == 9
    assert first.stdout.split() == ["first", "second"], first.stderr
    assert second.stdout.split() == ["second", "done"], second.stderr


def test_width_can_change_while_it_runs(database: Database) -> None:
    enqueuer, met = Enqueuer(database), threading.Event()
    gate = threading.Barrier(2, met.set, timeout=SECONDS)

    def body(argument: str, step: Step) -> str:
        del step
        gate.wait()  # breaks unless two run at once
        return argument

    work = engine(database, body)
    work.start()
    try:
        work.widen("work", 2)
        with database.begin() as conn:
            enqueuer.enqueue(conn, ticket("one"))
            enqueuer.enqueue(conn, ticket("two", "b"))
        assert met.wait(SECONDS)
    finally:
        work.close()
        enqueuer.close()


def test_one_engine_per_process_and_a_failed_start_is_no_obstacle(database: Database) -> None:
    runs, enqueuer = Runs(), Enqueuer(database)
    work = engine(database, runs.note)
    work.start()
    with pytest.raises(RuntimeError):
        engine(database, runs.note).start()
    work.close()
    broken = DurableEngine(database, {"note": runs.note}, [Lane("_dbos_reserved", 1, 0.02)])
    with pytest.raises(ValueError):
        broken.start()
    with database.begin() as conn:
        enqueuer.enqueue(conn, ticket("one"))
    work.start()
    try:
        assert runs.wait_for(1) == ["one"]
    finally:
        work.close()
        enqueuer.close()


def test_a_run_that_leaves_is_taken_up_by_the_next_engine(database: Database) -> None:
    runs, enqueuer = Runs(), Enqueuer(database)
    left = threading.Event()

    def leave(argument: str, step: Step) -> str:
        del argument
        assert step("first", lambda: "kept") == "kept"
        left.set()
        raise LeftForLater

    with database.begin() as conn:
        enqueuer.enqueue(conn, ticket("one"))
    first = engine(database, leave)
    first.start()
    assert left.wait(SECONDS)
    first.close()
    second = engine(database, runs.note)
    second.start()
    try:
        assert runs.wait_for(1) == ["one"]
    finally:
        second.close()
        enqueuer.close()
