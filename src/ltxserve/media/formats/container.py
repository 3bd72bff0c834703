"""H.264 and VP9 clips with sound: frames are encoded as they come, the sound joins at the end.

The picture goes to a working file first, because the sound is often decoded after the frames
and a container needs to know its streams before the first packet.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av import Packet
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream

from ltxserve.media.atomic import Draft
from ltxserve.media.colour import SITING, Pixels, tag_bt709, to_yuv420
from ltxserve.media.formats.base import EncodeTarget
from ltxserve.media.rates import samples_for
from ltxserve.media.sound import LAYOUTS, Sound, frames_of

_PICTURE_FILE = "picture"


@dataclass(frozen=True)
class ContainerFormat:
    """One container with its codecs; `audio_rates` in Hz, the first is used for all others."""

    muxer: str
    muxer_options: dict[str, str]
    video_codec: str
    video_options: dict[str, str]
    crf: int
    crf_range: tuple[int, int]
    audio_codec: str
    audio_options: dict[str, str]
    audio_rates: tuple[int, ...]


class ContainerWriter:
    """A FrameWriter for containers; memory use does not depend on the clip's length."""

    def __init__(self, layout: ContainerFormat, draft: Draft, target: EncodeTarget) -> None:
        self._layout = layout
        self._target = target
        self._result = draft.result
        self._picture = draft.folder / _PICTURE_FILE
        self._count = 0
        self._output = open_output(layout, self._picture, target.metadata)
        self._stream = add_picture(self._output, layout, target)

    def add(self, frame: Pixels) -> None:
        picture = to_yuv420(frame)
        picture.pts = self._count
        picture.time_base = 1 / self._target.fps
        self._output.mux(self._stream.encode(picture))
        self._count += 1

    def end(self) -> None:
        self._output.mux(self._stream.encode(None))
        self._output.close()

    def finish(self, sound: Sound | None) -> None:
        if sound is None:
            os.rename(self._picture, self._result)
        else:
            self._join(self._fit(sound))

    def close(self) -> None:
        with suppress(FFmpegError):  # a second close is harmless; a first one means failure
            self._output.close()

    def _fit(self, sound: Sound) -> Sound:
        """The sound at a rate the codec takes, exactly as long as the frames."""
        rates = self._layout.audio_rates
        rate = sound.sample_rate if sound.sample_rate in rates else rates[0]
        return sound.resampled(rate).fitted(samples_for(self._count, self._target.fps, rate))

    def _join(self, sound: Sound) -> None:
        with (
            av.open(str(self._picture), mode="r", format=self._layout.muxer) as picture,
            open_output(self._layout, self._result, self._target.metadata) as output,
        ):
            source = picture.streams.video[0]
            video = output.add_stream_from_template(source)
            audio = add_sound(output, self._layout, sound.sample_rate, sound.channels)
            packets = (packet for packet in picture.demux(source) if packet.dts is not None)
            for packet in _interleaved(_onto(video, packets), _encoded(audio, sound)):
                output.mux(packet)


def open_output(
    layout: ContainerFormat, path: Path, metadata: Mapping[str, str]
) -> OutputContainer:
    """A new, empty container of this format."""
    options = dict(layout.muxer_options)
    output = av.open(str(path), mode="w", format=layout.muxer, options=options)
    output.metadata.update(metadata)
    return output


def add_picture(
    output: OutputContainer, layout: ContainerFormat, target: EncodeTarget
) -> VideoStream:
    """The stream that takes yuv420p frames timed by their number; BT.709 tagged."""
    lowest, highest = layout.crf_range
    crf = layout.crf if target.crf is None else min(max(target.crf, lowest), highest)
    # A key frame every 2 s at least: editors and browsers seek from one to the next.
    gop = str(max(1, round(2 * target.fps)))
    options = {**layout.video_options, **SITING, "crf": str(crf), "g": gop}
    stream = output.add_stream(layout.video_codec, rate=target.fps, options=options)
    assert isinstance(stream, VideoStream)
    stream.width, stream.height, stream.pix_fmt = target.width, target.height, "yuv420p"
    stream.codec_context.time_base = 1 / target.fps
    tag_bt709(stream.codec_context)
    return stream


def add_sound(
    output: OutputContainer, layout: ContainerFormat, sample_rate: int, channels: int
) -> AudioStream:
    """The stream that takes float samples timed by their number."""
    stream = output.add_stream(
        layout.audio_codec, rate=sample_rate, options=dict(layout.audio_options)
    )
    assert isinstance(stream, AudioStream)
    stream.layout = LAYOUTS[channels]
    stream.time_base = Fraction(1, sample_rate)
    # 96 kbit/s per channel; AAC cannot use more than 6 bits per sample at low rates.
    stream.bit_rate = min(96_000, 4 * sample_rate) * channels
    return stream


def _onto(stream: VideoStream, packets: Iterator[Packet]) -> Iterator[Packet]:
    for packet in packets:
        packet.stream = stream
        yield packet


def _encoded(stream: AudioStream, sound: Sound) -> Iterator[Packet]:
    for frame in frames_of(sound):
        yield from stream.encode(frame)
    yield from stream.encode(None)


def _interleaved(video: Iterator[Packet], audio: Iterator[Packet]) -> Iterator[Packet]:
    """Both in order of decoding time, so that players need not seek and nothing piles up."""
    waiting = next(audio, None)
    for packet in video:
        while waiting is not None and _time(waiting) <= _time(packet):
            yield waiting
            waiting = next(audio, None)
        yield packet
    while waiting is not None:
        yield waiting
        waiting = next(audio, None)


def _time(packet: Packet) -> Fraction:
    return (packet.dts or 0) * Fraction(packet.time_base or 0)
