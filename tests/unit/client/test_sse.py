"""The stream of events in pieces of any size, with every line ending."""

import pytest

from ltxserve.client.sse import Message, Reader

STREAM = (
    "retry: 1500\n\n: heartbeat\n\nid: 1\nevent: queued\ndata: {}\n\n"
    "id: 2\r\nevent: running\r\ndata: a\r\ndata: ü\r\n\r\ndata: no name\n\n"
).encode()
WANTED = [
    Message("1", "queued", "{}"),
    Message("2", "running", "a\nü"),
    Message("2", "message", "no name"),
]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_pieces_of_any_size(size: int):
    reader = Reader()
    found = [m for at in range(0, len(STREAM), size) for m in reader.feed(STREAM[at : at + size])]
    assert found == WANTED
    assert reader.retry_seconds == 1.5


def test_what_is_not_finished_is_no_event():
    assert list(Reader().feed(b"id: 1\ndata: {}\n")) == []


def test_lone_returns_are_line_ends():
    assert [m.data for m in Reader().feed(b"data: a\r\rdata: b\r\rx")] == ["a", "b"]
