"""The result's frames one after the other: trimmed, at the result's rate and size, blended.

A frame here is a `Planes`: luma and chroma as they are encoded, so that clips which already have
the result's size and colours pass through without being converted.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing
from itertools import islice

import numpy as np
import numpy.typing as npt
from av import VideoFrame
from av.container import InputContainer
from av.video.stream import VideoStream

from ltxserve.media.colour import Pixels, to_rgb, to_yuv420
from ltxserve.media.decode import steady, video_stream
from ltxserve.media.failures import unreadable
from ltxserve.media.frames import fit_crop, resize
from ltxserve.media.source import locate, open_container
from ltxserve.media.stitch.facts import ClipFacts
from ltxserve.media.stitch.nouns import Fit
from ltxserve.media.stitch.plan import NO_JOINT, Part, StitchPlan

Planes = npt.NDArray[np.uint8]
"""One frame as yuv420p, BT.709, limited range: (height * 3 / 2, width), the chroma below."""

_BLACK = (16, 128)  # luma, chroma
_SEEK_SECONDS = 4  # nearer beginnings are reached by decoding: seeking costs more


def pictures(plan: StitchPlan) -> Generator[Planes]:
    """Every frame of the result in order; at most two clips are open at a time.

    Raises MediaError (`media_unreadable`) where a clip breaks off.
    """
    with ExitStack() as opened:
        before: Generator[Planes] | None = None
        for index, part in enumerate(plan.parts):
            frames = opened.enter_context(closing(part_pictures(part, plan)))
            lead = plan.joints[index - 1] if index else NO_JOINT
            tail = plan.joints[index] if index < len(plan.joints) else NO_JOINT
            if before is not None:
                for place in range(lead.overlap):
                    yield blend(next(before), next(frames), (place + 0.5) / lead.overlap)
                before.close()
            for place in range(lead.dark):
                yield darken(next(frames), (place + 0.5) / lead.dark)
            taken = lead.overlap + lead.dark + tail.dark + tail.overlap
            yield from islice(frames, part.num_frames - taken)
            for place in reversed(range(tail.dark)):
                yield darken(next(frames), (place + 0.5) / tail.dark)
            before = frames


def blend(first: Planes, second: Planes, weight: float) -> Planes:
    """The frame between two: `weight` 0 is the first, 1 the second."""
    mixed = first * np.float32(1 - weight) + second * np.float32(weight)
    return np.round(mixed).astype(np.uint8)


def darken(frame: Planes, light: float) -> Planes:
    """The frame between black (`light` 0) and itself (1)."""
    return blend(black(frame), frame, light)


def black(like: Planes) -> Planes:
    """A black frame of the same size."""
    frame = np.full_like(like, _BLACK[1])
    frame[: like.shape[0] * 2 // 3] = _BLACK[0]
    return frame


def part_pictures(part: Part, plan: StitchPlan) -> Generator[Planes]:
    """The frames of one part at the result's rate and size, exactly `part.num_frames`."""
    facts = part.facts
    step = part.speed * facts.fps / plan.fps
    with closing(_source(facts, part.first)) as source:
        place, frame = next(source)
        shown = _fitted(frame, facts, plan)
        for index in range(part.num_frames):
            wanted = min(part.first + math.floor(index * step), part.stop - 1)
            if place < wanted:
                while place < wanted:
                    place, frame = next(source)
                shown = _fitted(frame, facts, plan)
            yield shown


def _source(facts: ClipFacts, first: int) -> Generator[tuple[int, VideoFrame]]:
    """The clip's frames from place `first` on, each with its place; the last one goes on."""
    located = locate(facts.path)
    with open_container(located) as container:
        stream = video_stream(container, located.name)
        place, frame = -1, None
        for place, frame in _from(container, stream, facts, first):
            if place >= first:
                yield place, frame
        # A clip of varying rate may end a frame early; one cut off is refused when it is read.
        if frame is None or place < facts.num_frames - 2:
            raise unreadable(located.name, f"it ends after {place + 1} frames")
        while True:
            place += 1
            yield place, frame


def _from(
    container: InputContainer, stream: VideoStream, facts: ClipFacts, first: int
) -> Iterator[tuple[int, VideoFrame]]:
    """Frames with their places from `first` or a little earlier on."""
    origin = float(facts.origin)
    far = first > _SEEK_SECONDS * facts.fps and stream.time_base is not None
    if far and stream.time_base is not None:
        target = facts.origin + first / facts.fps
        container.seek(int(target / stream.time_base), stream=stream, backward=True)
        frames = steady(((f.time, f) for f in container.decode(stream)), facts.fps, origin)
        found = next(frames, None)
        if found is not None and found[0] <= first:
            yield found
            yield from frames
            return
        container.seek(0)  # the index led too far: read it all
    yield from steady(((f.time, f) for f in container.decode(stream)), facts.fps, origin)


def _fitted(frame: VideoFrame, facts: ClipFacts, plan: StitchPlan) -> Planes:
    if _is_planes(frame, plan) and facts.pixel_aspect in (None, 1):
        return np.asarray(frame.to_ndarray(), dtype=np.uint8)
    picture = to_rgb(frame, facts.pixel_aspect)
    return to_planes(fitted(picture, plan.width, plan.height, plan.fit))


def _is_planes(frame: VideoFrame, plan: StitchPlan) -> bool:
    return (
        frame.format.name == "yuv420p"
        and (frame.width, frame.height) == (plan.width, plan.height)
        and frame.colorspace == 1
        and frame.color_range in (0, 1)
        and not frame.rotation
    )


def to_planes(picture: Pixels) -> Planes:
    """RGB (h, w, 3) with even sides as it is encoded."""
    return np.asarray(to_yuv420(picture).to_ndarray(), dtype=np.uint8)


def fitted(picture: Pixels, width: int, height: int, fit: Fit) -> Pixels:
    """A picture (h, w, 3) brought to a size: covering it, inside it on black, or distorted."""
    if fit == "stretch":
        return resize(picture, width, height)
    if fit == "crop":
        return fit_crop(picture, width, height)
    rows, columns = picture.shape[:2]
    scale = min(width / columns, height / rows)
    inner = resize(picture, max(1, round(columns * scale)), max(1, round(rows * scale)))
    canvas = np.zeros((height, width, 3), np.uint8)
    top, left = (height - inner.shape[0]) // 2, (width - inner.shape[1]) // 2
    canvas[top : top + inner.shape[0], left : left + inner.shape[1]] = inner
    return canvas
