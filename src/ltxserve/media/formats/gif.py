"""GIF with one palette made for the whole clip; GIF has no sound.

A good palette needs every frame before the first is written, so the frames wait in a lossless
working file, not in memory.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import av
import numpy as np
from av import VideoFrame
from av.container import OutputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream

from ltxserve.media.atomic import Draft
from ltxserve.media.colour import Pixels
from ltxserve.media.formats.base import EncodeTarget
from ltxserve.media.formats.palette import PaletteMaker, mapped
from ltxserve.media.sound import Sound

_SPOOL_FORMAT = "bgr0"
_APPLICATION, _COMMENT = b"\x21\xff", b"\x21\xfe"
_HEADER_BYTES = 13  # signature and screen description
_BLOCK_BYTES = 255


class GifWriter:
    """A FrameWriter for GIF: all frames to a spool and the palette maker, then one more pass.

    Delays are hundredths of a second, alternating so that the clip's length is right on
    average. Browsers slow down delays below 2/100 s, so rates over 50 fps play too slowly.
    """

    def __init__(self, draft: Draft, target: EncodeTarget) -> None:
        self._target = target
        self._result = draft.result
        self._spool_path = draft.folder / "frames"
        self._plain_path = draft.folder / "plain"
        self._count = 0
        self._maker = PaletteMaker(target.width, target.height, target.fps)
        self._spool = av.open(str(self._spool_path), mode="w", format="nut")
        self._stream = self._add_video(self._spool, "ffv1", _SPOOL_FORMAT)

    def add(self, frame: Pixels) -> None:
        picture = VideoFrame.from_ndarray(frame, format="rgb24")
        spooled = self._timed(picture.reformat(format=_SPOOL_FORMAT), self._count)
        # The palette maker counts every different colour: 7 of 8 bits (a colour moves by at
        # most 1) bound its memory, and on smooth pictures make it five times as fast.
        coarse = VideoFrame.from_ndarray(
            ((frame & 0xFE) | (frame >> 7)).astype(np.uint8), format="rgb24"
        )
        self._maker.see(self._timed(coarse, self._count))
        self._spool.mux(self._stream.encode(spooled))
        self._count += 1

    def end(self) -> None:
        self._spool.mux(self._stream.encode(None))
        self._spool.close()
        with (
            av.open(str(self._spool_path), mode="r", format="nut") as spool,
            av.open(str(self._plain_path), mode="w", format="gif", options={"loop": "0"}) as out,
        ):
            frames = (self._timed(f, i) for i, f in enumerate(spool.decode(video=0)))
            self._encode(mapped(frames, self._maker.palette(), self._target.fps), out)

    def finish(self, sound: Sound | None) -> None:
        comment = json.dumps(dict(self._target.metadata)) if self._target.metadata else ""
        _copy_with_comment(self._plain_path, self._result, comment.encode("ascii"))

    def close(self) -> None:
        with suppress(FFmpegError):  # a second close is harmless; a first one means failure
            self._spool.close()

    def _encode(self, frames: Iterator[VideoFrame], output: OutputContainer) -> None:
        stream = self._add_video(output, "gif", "pal8")
        for index, frame in enumerate(frames):
            output.mux(stream.encode(self._timed(frame, index)))
        output.mux(stream.encode(None))

    def _add_video(self, output: OutputContainer, codec: str, pix_fmt: str) -> VideoStream:
        stream = output.add_stream(codec, rate=self._target.fps)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height = self._target.width, self._target.height
        stream.pix_fmt = pix_fmt
        stream.codec_context.time_base = 1 / self._target.fps
        return stream

    def _timed(self, frame: VideoFrame, index: int) -> VideoFrame:
        frame.pts = index
        frame.time_base = Fraction(1) / self._target.fps
        return frame


def _copy_with_comment(source: Path, target: Path, comment: bytes) -> None:
    """Copy a GIF with a comment before its first picture, where every reader looks for it.

    FFmpeg writes no comments. The text is 7-bit, as the format asks; JSON escapes the rest.
    """
    with source.open("rb") as plain, target.open("wb") as out:
        out.write(_read_opening(plain))
        if comment:
            out.write(_COMMENT)
            for start in range(0, len(comment), _BLOCK_BYTES):
                block = comment[start : start + _BLOCK_BYTES]
                out.write(bytes([len(block)]) + block)
            out.write(b"\0")
        shutil.copyfileobj(plain, out)


def _read_opening(file: BinaryIO) -> bytes:
    """Header, common palette and application blocks (the loop count); leaves `file` after them."""
    opening = file.read(_HEADER_BYTES)
    packed = opening[10]
    if packed & 0x80:
        opening += file.read(3 * 2 ** ((packed & 0x07) + 1))
    while (mark := file.read(2)) == _APPLICATION:
        opening += mark
        while size := file.read(1):
            opening += size + file.read(size[0])
            if size == b"\0":
                break
    file.seek(-len(mark), 1)
    return opening
