"""Clips to files: one function for every format, streaming and atomic.

Knows nothing of how frames are made; takes them as they come and encodes them in a thread of its
own, so that the next are made meanwhile (PyAV lets Python's lock go while it works).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ltxserve.errors import MediaError
from ltxserve.media.atomic import Draft, check_replaceable, replacing
from ltxserve.media.behind import Behind
from ltxserve.media.colour import Pixels
from ltxserve.media.failures import writing
from ltxserve.media.formats.base import EncodeTarget, FrameWriter, VideoFormat
from ltxserve.media.formats.container import ContainerWriter
from ltxserve.media.formats.gif import GifWriter
from ltxserve.media.formats.mp4 import MP4
from ltxserve.media.formats.png import PngWriter, check_only_frames
from ltxserve.media.formats.webm import WEBM
from ltxserve.media.metadata import clean_metadata
from ltxserve.media.sound import Sound

LateSound = Sound | Callable[[], Sound | None] | None
"""The sound, or a function that gives it once all frames have been taken, or none."""

MAX_SIDE = 16_384  # x264's limit; the other encoders take more
MAX_FPS = 240
WAITING_FRAMES, WAITING_BYTES = 80, 512 * 2**20
"""At most so much waits to be encoded: what a decoder gives at a time, or less of large frames."""

_WRITERS: dict[VideoFormat, Callable[[Draft, EncodeTarget], FrameWriter]] = {
    "mp4": lambda draft, target: ContainerWriter(MP4, draft, target),
    "webm": lambda draft, target: ContainerWriter(WEBM, draft, target),
    "gif": GifWriter,
    "png": PngWriter,
}
_HALF_COLOUR: tuple[VideoFormat, ...] = ("mp4", "webm")  # yuv420p: sides must be even
MEDIA_TYPES: dict[VideoFormat, str] = {
    "mp4": "video/mp4",
    "webm": "video/webm",
    "gif": "image/gif",
    "png": "image/png",
}


@dataclass(frozen=True)
class EncodedFile:
    """What was written; for png `path` is a folder, `bytes` and `sha256` go over its files."""

    path: Path
    format: VideoFormat
    media_type: str
    bytes: int
    sha256: str
    width: int
    height: int
    num_frames: int
    fps: Fraction
    has_sound: bool

    @property
    def seconds(self) -> float:
        return float(self.num_frames / self.fps)

    @property
    def extent(self) -> dict[str, Any]:
        """Size, length and sound as plain JSON data."""
        return {
            "width": self.width,
            "height": self.height,
            "num_frames": self.num_frames,
            "fps": float(self.fps),
            "seconds": self.seconds,
            "has_sound": self.has_sound,
        }


def write_video(
    frames: Iterable[Pixels], target: EncodeTarget, audio: LateSound = None
) -> EncodedFile:
    """Encode chunks of frames as they come, add the sound, and put the file in place whole.

    `frames`: uint8 RGB (n, h, w, 3) chunks of any n, or single (h, w, 3) frames; they must not be
    changed afterwards, for they are encoded while later ones are asked for. The sound is
    cut or padded to the frames' exact length; gif drops it; png puts sound.wav in its folder.
    Whatever is raised, by `frames` or `audio` too, passes through and leaves `target.path` as it
    was. Raises MediaError: `output_invalid` (see `check_target`), `media_write_failed` (no or
    wrong frames, disk full), `encoder_missing`.
    """
    check_target(target)
    target = replace(target, path=target.path.absolute(), metadata=clean_metadata(target.metadata))
    name = target.path.name
    with replacing(target.path, durable=target.durable) as draft:
        with writing(name):
            writer = _WRITERS[target.format](draft, target)
        with closing(writer):
            count, sound = _written(writer, frames, audio, target)
        with writing(name):
            size, digest = measure_file(draft.result)
    return EncodedFile(
        path=target.path,
        format=target.format,
        media_type=MEDIA_TYPES[target.format],
        bytes=size,
        sha256=digest,
        width=target.width,
        height=target.height,
        num_frames=count,
        fps=target.fps,
        has_sound=sound is not None and target.format != "gif",
    )


def _written(
    writer: FrameWriter, frames: Iterable[Pixels], audio: LateSound, target: EncodeTarget
) -> tuple[int, Sound | None]:
    """Everything through the writer; how many frames there were, and the sound."""
    name, count = target.path.name, 0
    most = min(WAITING_FRAMES * target.width * target.height * 3, WAITING_BYTES)
    with Behind(most) as encoding:
        for frame in _single(frames, target):
            encoding.do(partial(_add, writer, frame, name), frame.nbytes)
            count += 1
        if count == 0:
            raise MediaError("media_write_failed", f"{name} would have no frames.", "")
        encoding.do(partial(_end, writer, name))
        sound = audio() if callable(audio) else audio
    with writing(name):
        writer.finish(sound)
    return count, sound


def _add(writer: FrameWriter, frame: Pixels, name: str) -> None:
    with writing(name):
        writer.add(frame)


def _end(writer: FrameWriter, name: str) -> None:
    with writing(name):
        writer.end()


def check_target(target: EncodeTarget) -> None:
    """Refuse a target before any frame is made for it.

    Raises MediaError (`output_invalid`): unknown format, sides that are odd (mp4, webm), below 1
    or over 16384, a rate not in 0..240, metadata keys that cannot be stored, a folder where the
    file should go or the reverse.
    """
    if target.format not in _WRITERS:
        raise _invalid(f"{target.format!r} is no format.", f"Use one of {', '.join(_WRITERS)}.")
    sides = (target.width, target.height)
    if not all(1 <= side <= MAX_SIDE for side in sides):
        raise _invalid(f"{target.width}x{target.height} cannot be encoded.", "Use usual sizes.")
    if target.format in _HALF_COLOUR and any(side % 2 for side in sides):
        raise _invalid(
            f"{target.format} cannot hold the odd size {target.width}x{target.height}.",
            "Use even width and height, or the format gif or png.",
        )
    if not 0 < target.fps <= MAX_FPS:
        raise _invalid(f"{target.fps} frames per second cannot be encoded.", f"Up to {MAX_FPS}.")
    clean_metadata(target.metadata)
    check_replaceable(target.path, folder=target.format == "png")
    if target.format == "png":
        check_only_frames(target.path)


def _invalid(message: str, hint: str) -> MediaError:
    return MediaError("output_invalid", message, hint)


def _single(frames: Iterable[Pixels], target: EncodeTarget) -> Iterator[Pixels]:
    expected = (target.height, target.width, 3)
    for chunk in frames:
        for frame in chunk[np.newaxis] if chunk.ndim == 3 else chunk:
            if frame.shape != expected or frame.dtype != np.uint8:
                raise MediaError(
                    "media_write_failed",
                    f"A frame is {frame.dtype} {frame.shape}, the file is uint8 {expected}.",
                    "Give RGB frames of the target's own size.",
                )
            yield frame


def measure_file(result: Path) -> tuple[int, str]:
    """Length in bytes and SHA-256 (hex) of a file, or of all files in a folder in order of name."""
    size, digest = 0, hashlib.sha256()
    for path in sorted(result.iterdir()) if result.is_dir() else [result]:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                size += len(block)
                digest.update(block)
    return size, digest.hexdigest()
