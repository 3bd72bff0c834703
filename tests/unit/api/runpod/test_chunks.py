"""Each event is handed out once."""

from ltxserve.api.runpod.chunks import Chunks
from ltxserve.jobs.events import Event

EVENTS = [Event("j", seq, "progress", {}, 0.0) for seq in (1, 2, 3)]


def test_nothing_twice_and_nothing_lost():
    chunks, there = Chunks(), 2

    def read(after: int) -> list[Event]:
        return [event for event in EVENTS[:there] if event.seq > after]

    assert [event.seq for event in chunks.fresh("j", read)] == [1, 2]
    assert chunks.fresh("j", read) == []
    there = 3
    assert [event.seq for event in chunks.fresh("j", read)] == [3]


def test_a_slow_reader_does_not_repeat_what_a_fast_one_had():
    chunks = Chunks()

    def overtaken(after: int) -> list[Event]:
        chunks.fresh("j", lambda _: EVENTS)
        return EVENTS[after:]

    assert chunks.fresh("j", overtaken) == []


def test_of_very_many_jobs_the_oldest_are_forgotten():
    chunks = Chunks(kept=1)
    for name in ("a", "b"):
        chunks.fresh(name, lambda _: EVENTS)
    assert len(chunks.fresh("a", lambda after: EVENTS[after:])) == 3
