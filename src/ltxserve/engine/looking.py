"""Looks at a source: size, frames, rate and sound, without decoding more than it must."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction

from ltxserve.errors import MediaError
from ltxserve.media.decode import read_sound, read_video, stream_rate, video_packets, video_stream
from ltxserve.media.fetch import local_copy
from ltxserve.media.source import locate, open_container


@dataclass(frozen=True)
class VideoFacts:
    """A video as it is seen: width and height in pixels, frames at `fps`, and whether it sounds."""

    width: int
    height: int
    num_frames: int
    fps: Fraction
    has_sound: bool


def look_at_video(source: str) -> VideoFacts:
    """The facts of a path, URL or data URI. Raises MediaError."""
    with local_copy(source) as local:
        located = locate(local)
        with open_container(located) as container:
            stream = video_stream(container, located.name)
            packets = video_packets(container, stream, located.name)
            count = sum(1 for packet in packets if packet.size and not packet.is_discard)
            fps = stream_rate(container, stream)
            has_sound = bool(container.streams.audio)
        # Its shape as played: turned and with square pixels.
        height, width = read_video(local, 0, 1).frames.shape[1:3]
    return VideoFacts(width, height, count, fps, has_sound)


def look_at_sound(source: str) -> float:
    """Seconds of sound in a path, URL or data URI. Raises MediaError."""
    with local_copy(source) as local:
        return read_sound(local).seconds


@contextmanager
def named(field: str) -> Iterator[None]:
    """Inside, what is wrong with a source is said of the request's field that names it."""
    try:
        yield
    except MediaError as error:
        raise MediaError(error.code, error.message, error.hint, field) from error
