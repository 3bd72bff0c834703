"""What a media file holds, counted in its packets rather than believed from its header."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from av.container import InputContainer
from av.video.codeccontext import VideoCodecContext

from ltxserve.media.decode import audio_stream, read_sound, stream_rate, video_packets, video_stream
from ltxserve.media.failures import reading, unreadable
from ltxserve.media.formats.png import FRAME_PATTERN, SOUND_FILE
from ltxserve.media.metadata import FPS_KEY
from ltxserve.media.rates import exact_fps
from ltxserve.media.source import locate, open_container
from ltxserve.media.stills import open_picture

# ITU-T H.273 code points; others are given as their number.
_SPACES = {0: "rgb", 1: "bt709", 2: "unknown", 5: "bt470bg", 6: "smpte170m", 9: "bt2020nc"}
_PRIMARIES = {1: "bt709", 2: "unknown", 5: "bt470bg", 6: "smpte170m", 9: "bt2020", 12: "p3"}
_TRANSFERS = {1: "bt709", 2: "unknown", 6: "smpte170m", 13: "srgb", 16: "pq", 18: "hlg"}
_RANGES = {0: "unknown", 1: "limited", 2: "full"}


@dataclass(frozen=True)
class ColourTags:
    """How the file says its numbers are to be read; "unknown" where it says nothing."""

    space: str
    primaries: str
    transfer: str
    range: str


@dataclass(frozen=True)
class VideoInfo:
    """The first picture stream; `width` and `height` as stored, before any rotation."""

    codec: str
    profile: str | None
    pix_fmt: str
    width: int
    height: int
    num_frames: int
    fps: Fraction
    colour: ColourTags


@dataclass(frozen=True)
class AudioInfo:
    """The first sound stream; `num_samples` is what plays, without the codec's padding."""

    codec: str
    sample_rate: int
    channels: int
    num_samples: int


@dataclass(frozen=True)
class MediaInfo:
    """One file. `seconds` is that of the picture, or of the sound where there is no picture;
    `faststart` is None for containers that have no index to put first."""

    path: Path
    container: str
    bytes: int
    seconds: float
    video: VideoInfo | None
    audio: AudioInfo | None
    faststart: bool | None


def probe(path: str | Path) -> MediaInfo:
    """Measure a media file, or a folder that `write_video` filled with pictures.

    Raises MediaError: `media_not_found`, `media_unreadable` (damaged, cut off, no media),
    `media_unsupported`, `media_too_large`.
    """
    path = Path(path)
    if path.is_dir():
        return _probe_folder(path)
    located = locate(path)
    with open_container(located) as container:
        video = _video(container, located.name) if container.streams.video else None
        kind = container.format.name
        has_sound = bool(container.streams.audio)
        codec = audio_stream(container, located.name).codec_context.name if has_sound else ""
    audio = _audio(path, codec) if has_sound else None
    return MediaInfo(
        path=path,
        container="mp4" if "mp4" in kind else "webm" if "webm" in kind else kind,
        bytes=path.stat().st_size,
        seconds=_seconds(video, audio),
        video=video,
        audio=audio,
        faststart=_index_comes_first(path) if "mp4" in kind else None,
    )


def _video(container: InputContainer, name: str) -> VideoInfo:
    stream = video_stream(container, name)
    packets = video_packets(container, stream, name)
    count = sum(1 for packet in packets if packet.size and not packet.is_discard)
    codec = stream.codec_context
    return VideoInfo(
        codec=codec.name,
        profile=codec.profile,
        pix_fmt=codec.pix_fmt or "unknown",
        width=stream.width,
        height=stream.height,
        num_frames=count,
        fps=stream_rate(container, stream),
        colour=_colour(codec),
    )


def _colour(codec: VideoCodecContext) -> ColourTags:
    return ColourTags(
        space=_SPACES.get(codec.colorspace, str(codec.colorspace)),
        primaries=_PRIMARIES.get(codec.color_primaries, str(codec.color_primaries)),
        transfer=_TRANSFERS.get(codec.color_trc, str(codec.color_trc)),
        range=_RANGES.get(codec.color_range, str(codec.color_range)),
    )


def _audio(path: Path, codec: str) -> AudioInfo:
    sound = read_sound(path)
    return AudioInfo(codec, sound.sample_rate, sound.channels, sound.num_samples)


def _seconds(video: VideoInfo | None, audio: AudioInfo | None) -> float:
    if video is not None:
        return float(video.num_frames / video.fps)
    return audio.num_samples / audio.sample_rate if audio is not None else 0.0


def _index_comes_first(path: Path) -> bool:
    """Whether the index (moov) of an MP4 stands before its data (mdat)."""
    with reading(path.name), path.open("rb") as file:
        position = 0
        while len(head := file.read(16)) >= 8:
            size, kind = struct.unpack(">I4s", head[:8])
            if kind in (b"moov", b"mdat"):
                return kind == b"moov"
            if size == 1:  # the real size follows in 64 bits
                size = struct.unpack(">Q", head[8:16])[0]
            if size < 8:
                break
            position += size
            file.seek(position)
    return False


def _probe_folder(folder: Path) -> MediaInfo:
    files = sorted(folder.glob(FRAME_PATTERN))
    if not files:
        raise unreadable(folder.name, "the folder holds no frame_00000.png")
    with open_picture(locate(files[0])) as picture:
        width, height = picture.size
        fps = _rate(str(picture.info.get(FPS_KEY, "24")))
    tags = ColourTags("rgb", "unknown", "unknown", "full")
    video = VideoInfo("png", None, "rgb24", width, height, len(files), fps, tags)
    sound = folder / SOUND_FILE
    audio = _audio(sound, "pcm_s16le") if sound.is_file() else None
    size = sum(file.stat().st_size for file in [*files, *([sound] if audio else [])])
    return MediaInfo(folder, "png", size, _seconds(video, audio), video, audio, None)


def _rate(text: str) -> Fraction:
    try:
        return exact_fps(Fraction(text))
    except (ValueError, ZeroDivisionError):
        return Fraction(24)  # somebody else's text under our key
