"""What has to be known of a clip before it is joined: counted from packets, one frame decoded."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from av.container import InputContainer
from av.video.stream import VideoStream

from ltxserve.media.colour import to_rgb
from ltxserve.media.decode import (
    audio_stream,
    steady,
    stream_rate,
    video_packets,
    video_stream,
)
from ltxserve.media.failures import unreadable
from ltxserve.media.source import locate, open_container


@dataclass(frozen=True)
class Copyable:
    """What must be equal for two streams to be one: see `copying`. `extradata` holds the
    decoder's settings (SPS and PPS); `keys` are the frames at which decoding can begin."""

    codec: str
    extradata: bytes
    stored: tuple[int, int]
    pix_fmt: str
    colour: tuple[int, int, int, int]
    time_base: Fraction
    keys: tuple[int, ...]

    def same_stream(self, other: Copyable) -> bool:
        """Whether one decoder, set up once, reads both."""
        return (
            self.codec == other.codec
            and self.extradata == other.extradata
            and self.stored == other.stored
            and self.pix_fmt == other.pix_fmt
            and self.colour == other.colour
            and self.time_base == other.time_base
        )


@dataclass(frozen=True)
class ClipFacts:
    """One clip as it will be read.

    width, height: as shown, after rotation and with square pixels. num_frames: at the constant
    rate `fps`. origin: seconds, the file's time at which the first frame is shown; the sound is
    placed relative to it. sample_rate: Hz, None without sound. copyable: None where the stream
    cannot be copied whatever the others are.
    """

    path: Path
    width: int
    height: int
    num_frames: int
    fps: Fraction
    origin: Fraction
    pixel_aspect: Fraction | None = None
    sample_rate: int | None = None
    channels: int = 0
    copyable: Copyable | None = None

    @property
    def seconds(self) -> Fraction:
        return self.num_frames / self.fps


def look(path: Path) -> ClipFacts:
    """Measure a clip without decoding more than its first frame.

    Raises MediaError: `media_not_found`, `media_unreadable`, `media_unsupported` (no picture in
    it), `media_too_large`.
    """
    located = locate(path)
    with open_container(located) as container:
        stream = video_stream(container, located.name)
        fps = stream_rate(container, stream)
        times, keys = array("q"), []
        for pts, is_key in _times(container, stream, located.name):
            times.append(pts)
            if is_key:
                keys.append(pts)
        if not times:
            raise unreadable(located.name, "there are no frames in it")
        rotated, height, width = _shown(container, stream, located.name)
        sound = audio_stream(container, located.name) if container.streams.audio else None
        base = Fraction(stream.time_base or 1)
        ordered = sorted(times)
        return ClipFacts(
            path=path,
            width=width,
            height=height,
            num_frames=_count(ordered, base, fps),
            fps=fps,
            origin=ordered[0] * base,
            pixel_aspect=_oblong(stream),
            sample_rate=sound.codec_context.sample_rate if sound else None,
            channels=min(2, sound.codec_context.channels) if sound else 0,
            copyable=None if rotated else _copyable(container, stream, ordered, keys),
        )


def _times(container: InputContainer, stream: VideoStream, name: str) -> Iterator[tuple[int, bool]]:
    for packet in video_packets(container, stream, name):
        if packet.size and not packet.is_discard:
            pts = packet.pts if packet.pts is not None else packet.dts
            if pts is None:
                raise unreadable(name, "its frames have no times")
            yield pts, packet.is_keyframe


def _shown(container: InputContainer, stream: VideoStream, name: str) -> tuple[bool, int, int]:
    """Whether the picture is turned or has oblong pixels, and its height and width as shown."""
    container.seek(0)
    for frame in container.decode(stream):
        height, width = to_rgb(frame, _oblong(stream)).shape[:2]
        return (height, width) != (frame.height, frame.width) or bool(frame.rotation), height, width
    raise unreadable(name, "none of its frames can be decoded")


def _oblong(stream: VideoStream) -> Fraction | None:
    aspect = stream.sample_aspect_ratio
    return aspect if aspect and aspect != 1 else None


def _count(ordered: Sequence[int], base: Fraction, fps: Fraction) -> int:
    return sum(1 for _ in steady(((float(pts * base), None) for pts in ordered), fps))


def _copyable(
    container: InputContainer, stream: VideoStream, ordered: Sequence[int], keys: list[int]
) -> Copyable | None:
    """The stream's identity, if its frames are spaced so exactly that shifting keeps them so."""
    base, codec = stream.time_base, stream.codec_context
    tick = 1 / (stream_rate(container, stream) * base) if base else Fraction(0)
    first = ordered[0]
    exact = tick.denominator == 1 and all(
        pts - first == index * tick for index, pts in enumerate(ordered)
    )
    if base is None or not exact or "mp4" not in container.format.name:
        return None
    return Copyable(
        codec=codec.name,
        extradata=bytes(codec.extradata or b""),
        stored=(codec.width, codec.height),
        pix_fmt=codec.pix_fmt or "",
        colour=(
            int(codec.colorspace),
            int(codec.color_primaries),
            int(codec.color_trc),
            int(codec.color_range),
        ),
        time_base=base,
        keys=tuple(int((pts - first) / tick) for pts in sorted(keys)),
    )
