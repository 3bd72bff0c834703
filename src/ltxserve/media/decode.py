"""Video and sound from files to arrays; `read_image` for stills comes along.

Knows nothing of models: frames arrive at their own size and rate.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeVar

import numpy as np
from av import AudioFrame, AudioResampler, Packet, VideoFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.video.stream import VideoStream

from ltxserve.errors import MediaError
from ltxserve.media.colour import Pixels, to_rgb
from ltxserve.media.failures import unreadable
from ltxserve.media.rates import exact_fps
from ltxserve.media.sound import LAYOUTS, Sound
from ltxserve.media.source import Source, locate, open_container
from ltxserve.media.stills import MAX_PIXELS, read_image

__all__ = [
    "VideoFrames",
    "audio_stream",
    "read_image",
    "read_sound",
    "read_video",
    "steady",
    "stream_rate",
    "video_packets",
    "video_stream",
]

T = TypeVar("T")

MAX_CLIP_BYTES = 4 * 2**30
"""Decoded RGB that one call may hold; 60 s of 1280x704 at 24 fps is 3.9e9 bytes."""
MAX_SOUND_SECONDS = 600
# A frame is repeated or left out only when it is this far (in frames) from its place, so that
# rounded timestamps (WebM: 1 ms, GIF: 10 ms) pass untouched and varying rates stay in step.
_DRIFT = 0.9
_SLOWEST = Fraction(1, 100)  # slower "rates" come from damaged or missing headers
_GAP_SECONDS = 0.02  # below this, a late first sample is the codec's own delay


@dataclass(frozen=True, eq=False)
class VideoFrames:
    """Frames RGB uint8 (n, h, w, 3), n >= 1, at a constant `fps`."""

    frames: Pixels
    fps: Fraction


def read_video(source: Source, start_frame: int = 0, max_frames: int | None = None) -> VideoFrames:
    """Frames `start_frame` to `start_frame + max_frames` (or the end) of a video.

    Colour matrix, range, pixel shape and rotation are honoured. A varying frame rate becomes
    constant: frames are repeated or left out so that events keep their time. Raises MediaError:
    `media_unreadable` (damaged or cut off), `media_unsupported` (no picture in it, or
    `start_frame` lies behind the end), `media_too_large` (over `MAX_PIXELS` per frame or
    `MAX_CLIP_BYTES` together), and what `locate` raises.
    """
    located = locate(source)
    if start_frame < 0 or (max_frames is not None and max_frames < 1):
        raise MediaError(
            "media_unsupported", "start_frame must be 0 or more and max_frames 1 or more.", ""
        )
    with open_container(located) as container:
        stream = video_stream(container, located.name)
        fps = stream_rate(container, stream)
        kept: list[Pixels] = []
        last: VideoFrame | None = None
        packets = video_packets(container, stream, located.name)
        frames = (frame for packet in packets for frame in packet.decode())
        for index, frame in steady(((frame.time, frame) for frame in frames), fps):
            if index < start_frame:
                continue
            repeated = frame is last
            kept.append(kept[-1] if repeated else to_rgb(frame, stream.sample_aspect_ratio))
            last = frame
            _check_bytes(located.name, kept)
            if len(kept) == max_frames:
                break
    if not kept:
        raise MediaError(
            "media_unsupported",
            f"{located.name} has no frame {start_frame}.",
            "Start earlier in the video.",
        )
    return VideoFrames(_stacked(kept), fps)


def read_sound(
    source: Source, sample_rate: int | None = None, channels: int | None = None
) -> Sound:
    """The sound of an audio or video file, at its own rate and channels unless told.

    More than two channels are mixed down to two. Samples start at the file's time zero (a sound
    that starts late is preceded by silence) and end where the container says. Raises MediaError:
    `media_unreadable`, `media_unsupported` (no sound in it), `media_too_large` (longer than
    `MAX_SOUND_SECONDS`), and what `locate` raises.
    """
    located = locate(source)
    with open_container(located) as container:
        stream = audio_stream(container, located.name)
        return _samples(container, stream, sample_rate, channels)


def stream_rate(container: InputContainer, stream: VideoStream) -> Fraction:
    """The stream's frame rate, exact where it is one of the usual ones."""
    if container.format.name == "gif":
        # FFmpeg's average is that of the first delays alone: 25 for 24. Its guess is near, but
        # delays are whole hundredths of a second: 24 becomes 287/12 in a short clip.
        guess = stream.guessed_rate or Fraction(24)
        whole = max(1, round(guess))
        return Fraction(whole) if abs(guess - whole) < whole / 100 else exact_fps(guess)
    rate = stream.average_rate
    return exact_fps(rate) if rate and rate > _SLOWEST else Fraction(24)


def video_stream(container: InputContainer, name: str) -> VideoStream:
    """The first picture stream, ready to decode; MediaError if missing or too large."""
    if not container.streams.video:
        raise MediaError("media_unsupported", f"{name} has no picture.", "Use a video file.")
    stream = container.streams.video[0]
    if stream.codec_context is None:  # pyright knows no streams without a decoder
        raise unreadable(name, "its picture is in an unknown format")
    if stream.width < 1 or stream.height < 1:
        raise unreadable(name, "its picture size is missing")
    if stream.width * stream.height > MAX_PIXELS:
        raise MediaError("media_too_large", f"{name} has too large frames.", "Make it smaller.")
    stream.thread_type = "AUTO"
    return stream


def audio_stream(container: InputContainer, name: str) -> AudioStream:
    """The first sound stream, ready to decode; MediaError if missing or of no use."""
    if not container.streams.audio:
        raise MediaError("media_unsupported", f"{name} has no sound.", "Use a file with sound.")
    stream = container.streams.audio[0]
    codec = stream.codec_context
    if codec is None or codec.sample_rate < 1 or codec.channels < 1:
        raise unreadable(name, "its sound is in an unknown format")
    return stream


def video_packets(container: InputContainer, stream: VideoStream, name: str) -> Iterator[Packet]:
    """The stream's packets, flush packet last; MediaError (`media_unreadable`) if cut off."""
    expected = len(stream.index_entries) if "mp4" in container.format.name else 0
    packets = 0
    for packet in container.demux(stream):
        packets += packet.size > 0
        if packet.is_corrupt:
            raise unreadable(name, "it is cut off or damaged")
        yield packet
    if packets < expected:
        raise unreadable(name, f"it ends after {packets} of {expected} frames")


def steady(
    timed: Iterable[tuple[float | None, T]], fps: Fraction, start: float | None = None
) -> Iterator[tuple[int, T]]:
    """Things with their times (seconds) at a constant rate, each with its place from 0.

    Those already so pass untouched; others are repeated or left out. `start` is the time of
    place 0, where the first thing may come later; None = that of the first.
    """
    last: tuple[T] | None = None
    given: int | None = None if start is not None else 0
    for time, thing in timed:
        if time is not None:
            start = time if start is None else start
            place = (time - start) * float(fps)
            given = round(place) if given is None else given
            if place - given < -_DRIFT:
                continue
            while last is not None and place - given > _DRIFT:
                yield given, last[0]
                given += 1
        given = given or 0
        yield given, thing
        given += 1
        last = (thing,)


def _stacked(pictures: list[Pixels]) -> Pixels:
    """np.stack that lets go of each picture as it copies it, so a clip is held only once."""
    clip = np.empty((len(pictures), *pictures[0].shape), np.uint8)
    for index in reversed(range(len(pictures))):
        clip[index] = pictures.pop()
    return clip


def _check_bytes(name: str, kept: list[Pixels]) -> None:
    if kept[-1].nbytes * len(kept) > MAX_CLIP_BYTES:
        raise MediaError(
            "media_too_large",
            f"{name} is too long: its frames need more than {MAX_CLIP_BYTES // 2**30} GiB.",
            "Ask for fewer frames, or use a shorter or smaller video.",
        )


def _samples(
    container: InputContainer, stream: AudioStream, sample_rate: int | None, channels: int | None
) -> Sound:
    rate = sample_rate or stream.codec_context.sample_rate
    count = min(channels or stream.codec_context.channels, max(LAYOUTS))
    resampler = AudioResampler(format="fltp", layout=LAYOUTS[count], rate=rate)
    parts: list[np.ndarray] = [np.zeros((count, 0), np.float32)]
    length = 0
    for frame in _sound_frames(container, stream):
        if length == 0 and (frame.time or 0.0) > _GAP_SECONDS:
            parts.append(np.zeros((count, round((frame.time or 0.0) * rate)), np.float32))
        parts += [out.to_ndarray() for out in resampler.resample(frame)]
        length += frame.samples
        if length > MAX_SOUND_SECONDS * frame.sample_rate:
            raise MediaError(
                "media_too_large", f"The sound is longer than {MAX_SOUND_SECONDS} s.", "Cut it."
            )
    parts += [out.to_ndarray() for out in resampler.resample(None)]
    sound = Sound(np.concatenate(parts, axis=1).astype(np.float32), rate)
    declared = stream.duration and stream.time_base and stream.duration * stream.time_base
    end = round(declared * rate) if declared else sound.num_samples
    return sound.fitted(min(end, sound.num_samples))  # AAC's last block is padded; cut it


def _sound_frames(container: InputContainer, stream: AudioStream) -> Iterator[AudioFrame]:
    for packet in container.demux(stream):
        yield from packet.decode()
