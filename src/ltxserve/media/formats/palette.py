"""FFmpeg's palette filters: one good set of 256 colours for a whole clip, then mapping onto it."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import av.error
from av import VideoFrame
from av.filter import Graph

_SIDE = 16  # a palette travels as a 16x16 picture


class PaletteMaker:
    """Sees every RGB frame once and chooses the colours; keeps counts, not frames."""

    def __init__(self, width: int, height: int, fps: Fraction) -> None:
        self._graph = Graph()
        source = self._graph.add("buffer", _source(width, height, "rgb24", fps))
        maker = self._graph.add("palettegen")
        sink = self._graph.add("buffersink")
        source.link_to(maker)
        maker.link_to(sink)
        self._graph.configure()

    def see(self, frame: VideoFrame) -> None:
        self._graph.push(frame)

    def palette(self) -> VideoFrame:
        self._graph.push(None)
        palette = self._graph.pull()
        assert isinstance(palette, VideoFrame)
        return palette


def mapped(
    frames: Iterator[VideoFrame], palette: VideoFrame, fps: Fraction
) -> Iterator[VideoFrame]:
    """The frames (any RGB format) in the palette's colours, dithered, in the same order."""
    graph, source, sink = Graph(), None, None
    for frame in frames:
        if source is None or sink is None:
            source = graph.add("buffer", _source(frame.width, frame.height, frame.format.name, fps))
            colours = graph.add("buffer", _source(_SIDE, _SIDE, "bgra", fps))
            # sierra2_4a and rectangle: FFmpeg's advice for moving pictures; dithering stays
            # still where nothing moves, which also keeps the file small.
            mapper = graph.add("paletteuse", "dither=sierra2_4a:diff_mode=rectangle")
            sink = graph.add("buffersink")
            source.link_to(mapper, 0, 0)
            colours.link_to(mapper, 0, 1)
            mapper.link_to(sink)
            graph.configure()
            palette.pts = 0
            colours.push(palette)
            colours.push(None)
        source.push(frame)
        yield from _pulled(sink)
    if source is not None and sink is not None:
        source.push(None)
        yield from _pulled(sink)


def _pulled(sink: object) -> Iterator[VideoFrame]:
    while True:
        try:
            frame = sink.pull()  # type: ignore[attr-defined]
        except (av.error.BlockingIOError, av.error.EOFError):
            return
        yield frame


def _source(width: int, height: int, pix_fmt: str, fps: Fraction) -> str:
    return (
        f"video_size={width}x{height}:pix_fmt={pix_fmt}:pixel_aspect=1/1"
        f":time_base={1 / fps}:frame_rate={fps}"
    )
