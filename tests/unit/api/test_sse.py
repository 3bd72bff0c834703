"""Frames of Server-Sent Events, read back by the rules of the standard."""

import json

import pytest

from ltxserve.api import sse


def test_a_frame_is_one_event_with_its_id():
    lines = sse.frame(7, "progress", {"text": "two\nlines", "n": 1}).decode().split("\n")
    assert lines[:2] == ["id: 7", "event: progress"]
    assert json.loads(lines[2].removeprefix("data: ")) == {"text": "two\nlines", "n": 1}
    assert lines[3:] == ["", ""]


def test_heartbeat_and_opening_are_no_events():
    assert sse.HEARTBEAT.startswith(b":")
    assert sse.opening(250) == b"retry: 250\n\n"


@pytest.mark.parametrize(
    ("header", "query", "after"),
    [("5", 3, 5), (None, 3, 3), ("x", 3, 3), (None, None, 0), (None, -4, 0), ("9" * 30, 2, 2)],
)
def test_where_a_client_goes_on(header: str | None, query: int | None, after: int):
    assert sse.last_seen(header, query) == after
