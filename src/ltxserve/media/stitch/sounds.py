"""One clip's sound as a stream of samples: from any second on, at any speed, of exact length."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction

import av.error
import numpy as np
import numpy.typing as npt
from av import AudioFrame, AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.filter import Graph
from av.filter.context import FilterContext

from ltxserve.media.decode import audio_stream
from ltxserve.media.sound import LAYOUTS
from ltxserve.media.source import locate, open_container
from ltxserve.media.stitch.facts import ClipFacts

Samples = npt.NDArray[np.float32]
"""(channels, n), -1 to 1."""

_GAP_SECONDS = 0.02  # smaller jumps of the file's clock are rounding, not silence
_RUN_UP_SECONDS = 0.5  # a lossy decoder needs a moment after a jump before it is right
_TEMPO = (0.5, 2.0)  # one atempo filter blends within these and skips beyond


@dataclass(frozen=True)
class Hearing:
    """From which second of a clip on it is heard (below 0: silence first), and how."""

    start: Fraction
    speed: Fraction
    keep_pitch: bool
    sample_rate: int
    channels: int


def hear(facts: ClipFacts, hearing: Hearing) -> Generator[Samples]:
    """The sound in pieces of any length until the file ends; times are relative to the picture.

    At speed 1 every sample is at its place to within one sample; at other speeds it stays within
    30 ms of the picture (measured on clicks), or one sample when the pitch may change.
    """
    silence = max(Fraction(0), -hearing.start) / hearing.speed
    yield np.zeros((hearing.channels, round(silence * hearing.sample_rate)), np.float32)
    own = _own_samples(facts, max(Fraction(0), hearing.start))
    for samples in _retimed(own, facts, hearing):
        yield samples if len(samples) == hearing.channels else samples.repeat(2, axis=0)


class Tap:
    """Pieces of any length, drawn in blocks of exact length; silence follows the end."""

    def __init__(self, pieces: Iterator[Samples], channels: int) -> None:
        self._pieces = pieces
        self._rest: Samples = np.zeros((channels, 0), np.float32)

    def draw(self, count: int) -> Samples:
        """Exactly `count` samples (channels, count)."""
        parts = [self._rest]
        have = self._rest.shape[1]
        while have < count:
            piece = next(self._pieces, None)
            if piece is None:
                parts.append(np.zeros((len(self._rest), count - have), np.float32))
                break
            parts.append(piece)
            have += piece.shape[1]
        joined = np.concatenate(parts, axis=1)
        self._rest = joined[:, count:]
        return joined[:, :count]


def _own_samples(facts: ClipFacts, start: Fraction) -> Iterator[Samples]:
    """The clip's samples at its own rate from `start` (seconds of the picture) on."""
    located = locate(facts.path)
    with open_container(located) as container:
        stream = audio_stream(container, located.name)
        rate, origin = stream.codec_context.sample_rate, facts.origin
        wanted = round((start + origin) * rate)  # in samples of the file's clock
        _jump(container, stream, start + origin)
        resampler = AudioResampler(format="fltp", layout=LAYOUTS[facts.channels], rate=rate)
        end = _declared_end(stream, rate)
        for place, block in _placed(container, stream, resampler):
            samples = block if end is None else block[:, : max(0, end - place)]
            if place > wanted:
                yield np.zeros((facts.channels, place - wanted), np.float32)
                wanted = place
            yield samples[:, wanted - place :]
            wanted = max(wanted, place + samples.shape[1])


def _jump(container: InputContainer, stream: AudioStream, second: Fraction) -> None:
    if second > 2 * _RUN_UP_SECONDS and stream.time_base:
        target = int((second - Fraction(_RUN_UP_SECONDS)) / stream.time_base)
        container.seek(target, stream=stream, backward=True)


def _declared_end(stream: AudioStream, rate: int) -> int | None:
    """Where the container says that the sound ends: a codec's last block is padded beyond it."""
    if not stream.duration or not stream.time_base:
        return None
    return round(((stream.start_time or 0) + stream.duration) * stream.time_base * rate)


def _placed(
    container: InputContainer, stream: AudioStream, resampler: AudioResampler
) -> Iterator[tuple[int, Samples]]:
    """Decoded samples, each block with its place on the file's clock."""
    place, begun = 0, False
    rate = stream.codec_context.sample_rate
    for packet in container.demux(stream):
        for frame in packet.decode():
            told = round(frame.time * rate) if frame.time is not None else None
            if told is not None and (not begun or abs(told - place) > _GAP_SECONDS * rate):
                place = told
            begun = True
            frame.pts = None
            for out in resampler.resample(frame):
                samples = _array(out)
                yield place, samples
                place += samples.shape[1]


def _retimed(own: Iterator[Samples], facts: ClipFacts, hearing: Hearing) -> Iterator[Samples]:
    rate = facts.sample_rate or hearing.sample_rate
    channels = LAYOUTS[facts.channels]
    if hearing.speed != 1 and not hearing.keep_pitch:
        # Played as if recorded at another rate, then brought back: faster and higher.
        rate = round(rate * hearing.speed)
    elif hearing.speed != 1:
        own = filtered(own, rate, facts.channels, _tempo(hearing.speed))
    if rate == hearing.sample_rate:
        yield from own
        return
    resampler = AudioResampler(format="fltp", layout=channels, rate=hearing.sample_rate)
    for frame in to_frames(own, rate):
        yield from (_array(out) for out in resampler.resample(frame))
    yield from (_array(out) for out in resampler.resample(None))


def _tempo(speed: Fraction) -> list[tuple[str, str]]:
    """A chain of filters that together change the tempo, each within its good range."""
    slowest, fastest = _TEMPO
    chain, rest = [], float(speed)
    while not slowest <= rest <= fastest:
        step = fastest if rest > fastest else slowest
        chain.append(("atempo", str(step)))
        rest /= step
    return [*chain, ("atempo", f"{rest:.9f}")]


def filtered(
    pieces: Iterator[Samples], rate: int, channels: int, chain: list[tuple[str, str]]
) -> Iterator[Samples]:
    """Samples through a chain of FFmpeg's filters (name, arguments), streaming."""
    for frame in filtered_frames(pieces, rate, channels, chain):
        yield _array(frame)


def filtered_frames(
    pieces: Iterator[Samples], rate: int, channels: int, chain: list[tuple[str, str]]
) -> Iterator[AudioFrame]:
    """As `filtered`, with the frames, whose metadata some filters write their findings into."""
    graph = Graph()
    layout = LAYOUTS[channels]
    source = graph.add(
        "abuffer",
        f"time_base=1/{rate}:sample_rate={rate}:sample_fmt=fltp:channel_layout={layout}",
    )
    last = source
    for name, arguments in [*chain, ("aformat", f"sample_fmts=fltp:channel_layouts={layout}")]:
        node = graph.add(name, arguments)
        last.link_to(node)
        last = node
    sink = graph.add("abuffersink")
    last.link_to(sink)
    graph.configure()
    for frame in to_frames(pieces, rate):
        source.push(frame)
        yield from _waiting(sink)
    source.push(None)
    yield from _waiting(sink)


def _waiting(sink: FilterContext) -> Iterator[AudioFrame]:
    with suppress(av.error.BlockingIOError, av.error.EOFError):
        while True:
            frame = sink.pull()
            assert isinstance(frame, AudioFrame)
            yield frame


def to_frames(pieces: Iterator[Samples], rate: int) -> Iterator[AudioFrame]:
    """Samples as frames timed from zero."""
    place = 0
    for piece in pieces:
        if piece.shape[1] == 0:
            continue
        frame = AudioFrame.from_ndarray(
            np.ascontiguousarray(piece, np.float32), format="fltp", layout=LAYOUTS[len(piece)]
        )
        frame.sample_rate, frame.pts, frame.time_base = rate, place, Fraction(1, rate)
        place += piece.shape[1]
        yield frame


def _array(frame: AudioFrame) -> Samples:
    return np.asarray(frame.to_ndarray(), dtype=np.float32)
