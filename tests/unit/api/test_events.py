"""Where a stream of events begins and when there is nothing left to say."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from starlette.responses import StreamingResponse

from ltxserve.api.events import Listening, event_view, is_done, resume, stream
from ltxserve.api.feeds import Feeds
from ltxserve.jobs.events import Event
from tests.api.making import BORN, ID

EVENTS = [Event("j", seq, kind, {}, 0.0) for seq, kind in enumerate(("queued", "failed"), 1)]


def read(after: int) -> list[Event]:
    return EVENTS[after:]


@pytest.mark.parametrize(("after", "from_"), [(0, 0), (1, 1), (2, 2), (3, 0), (99, 0)])
def test_a_number_that_never_was_means_from_the_start(after: int, from_: int):
    assert resume(read, after) == from_


def test_when_all_is_seen():
    assert [is_done(read, after) for after in (0, 1, 2)] == [False, False, True]
    assert stream(Listening(Feeds(), "j", read, 2)).status_code == 204


def test_a_stream_is_frames_until_the_end():
    response = stream(Listening(Feeds(), "j", read, 0))
    assert isinstance(response, StreamingResponse)

    async def text(pieces: AsyncIterator[bytes]) -> str:
        return b"".join([piece async for piece in pieces]).decode()

    said = asyncio.run(text(response.body_iterator))  # pyright: ignore[reportArgumentType]
    assert [line for line in said.split("\n") if line.startswith("id:")] == ["id: 1", "id: 2"]


def test_an_event():
    event = Event(ID, 4, "progress", {"step": 1}, BORN)
    assert event_view(event, ID) == {
        "seq": 4,
        "kind": "progress",
        "job_id": ID,
        "created_at": "2023-11-14T22:13:20.250Z",
        "data": {"step": 1},
    }
