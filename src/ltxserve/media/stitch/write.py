"""Frames and samples into one container, side by side, so that neither piles up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from av import AudioFrame, VideoFrame
from av.container import OutputContainer

from ltxserve.media.formats.base import EncodeTarget
from ltxserve.media.formats.container import ContainerFormat, add_picture, add_sound, open_output
from ltxserve.media.sound import LAYOUTS
from ltxserve.media.stitch.pictures import Planes
from ltxserve.media.stitch.sounds import Samples

_BLOCK = 1024  # samples in one AAC frame


@dataclass(frozen=True)
class Heard:
    """The sound to write: its samples in order and what they are."""

    pieces: Iterator[Samples]
    sample_rate: int
    channels: int


class SoundTrack:
    """Encodes a sound as far as the picture has come."""

    def __init__(self, output: OutputContainer, layout: ContainerFormat, heard: Heard) -> None:
        self._output = output
        self._heard = heard
        self._stream = add_sound(output, layout, heard.sample_rate, heard.channels)
        self._frames = _blocks(heard)
        self._written = Fraction(0)

    def follow(self, seconds: Fraction) -> None:
        """Encode what is heard before this second."""
        while self._written <= seconds:
            frame = next(self._frames, None)
            if frame is None:
                return
            self._output.mux(self._stream.encode(frame))
            self._written = Fraction((frame.pts or 0) + frame.samples, self._heard.sample_rate)

    def finish(self) -> None:
        """Encode the rest and let go of what the encoder holds back."""
        for frame in self._frames:
            self._output.mux(self._stream.encode(frame))
        self._output.mux(self._stream.encode(None))


def encode(
    frames: Iterator[Planes], heard: Heard | None, layout: ContainerFormat, target: EncodeTarget
) -> int:
    """Encode all frames, and the sound beside them; the number of frames written."""
    count = 0
    with open_output(layout, target.path, target.metadata) as output:
        stream = add_picture(output, layout, target)
        track = SoundTrack(output, layout, heard) if heard else None
        for planes in frames:
            frame = VideoFrame.from_ndarray(np.ascontiguousarray(planes), format="yuv420p")
            frame.pts, frame.time_base = count, 1 / target.fps
            output.mux(stream.encode(frame))
            count += 1
            if track:
                track.follow(count / target.fps)
        output.mux(stream.encode(None))
        if track:
            track.finish()
    return count


def _blocks(heard: Heard) -> Iterator[AudioFrame]:
    """The samples in blocks that AAC takes, clipped to -1..1 and timed from zero."""
    rest = np.zeros((heard.channels, 0), np.float32)
    place = 0
    for piece in heard.pieces:
        rest = np.concatenate([rest, piece], axis=1)
        whole = rest.shape[1] - rest.shape[1] % _BLOCK
        for first in range(0, whole, _BLOCK):
            yield _frame(rest[:, first : first + _BLOCK], place + first, heard)
        place, rest = place + whole, rest[:, whole:]
    if rest.shape[1]:
        yield _frame(rest, place, heard)


def _frame(samples: Samples, place: int, heard: Heard) -> AudioFrame:
    clean = np.ascontiguousarray(np.clip(samples, -1.0, 1.0))
    frame = AudioFrame.from_ndarray(clean, format="fltp", layout=LAYOUTS[heard.channels])
    frame.sample_rate, frame.pts = heard.sample_rate, place
    frame.time_base = Fraction(1, heard.sample_rate)
    return frame
