"""Ids are UUIDv7, and rise whatever the clock does."""

import datetime
import itertools
import uuid
from collections.abc import Iterator

import pytest
import time_machine

from ltxserve.db import ids
from ltxserve.db.ids import new_id
from tests.threads import together


@pytest.fixture(autouse=True)
def clock() -> Iterator[None]:
    """The newest id of the process is what it was when the test is over: later ones tell true
    times again."""
    before = ids._last
    yield
    ids._last = before


def test_an_id_is_a_uuid_of_version_7():
    made = uuid.UUID(new_id())
    assert (made.version, made.variant) == (7, uuid.RFC_4122)


def test_ids_rise():
    made = [new_id() for _ in range(20_000)]
    assert made == sorted(set(made))


def test_ids_rise_when_the_clock_steps_back():
    with time_machine.travel(datetime.datetime(2100, 1, 1, tzinfo=datetime.UTC), tick=False):
        late = new_id()
    assert new_id() > late


def test_an_id_tells_when_it_was_made():
    moment = datetime.datetime(2101, 5, 6, 7, 8, 9, tzinfo=datetime.UTC)
    with time_machine.travel(moment, tick=False):
        assert (uuid.UUID(new_id()).int >> 80) / 1000 == moment.timestamp()


def test_threads_never_make_the_same():
    made = together([lambda: [new_id() for _ in range(2000)]] * 4)
    assert len(set(itertools.chain(*made))) == 8000
