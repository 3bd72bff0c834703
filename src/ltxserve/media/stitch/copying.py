"""Joining without decoding: when it is exact, how it is done, and the proof afterwards.

Streams whose headers differ in a single bit of the decoder's settings play without any error and
with wrong pictures (measured: 48 of 48 frames), so a copy is believed only after every frame of
it was compared with the clips'.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av import Packet, VideoFrame
from av.container import OutputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream

from ltxserve.media.decode import video_stream
from ltxserve.media.formats.base import EncodeTarget
from ltxserve.media.formats.container import open_output
from ltxserve.media.formats.mp4 import MP4
from ltxserve.media.source import locate, open_container
from ltxserve.media.stitch.plan import Part, StitchPlan
from ltxserve.media.stitch.write import Heard, SoundTrack


def can_copy(plan: StitchPlan) -> bool:
    """Whether the pictures may be copied: one stream's settings, whole groups of frames, no
    transition, speed, size or rate that asks for new frames."""
    first = plan.parts[0].facts.copyable
    if plan.reencode or plan.output.format != "mp4" or first is None or first.codec != "h264":
        return False
    if any(joint.overlap or joint.dark for joint in plan.joints):
        return False
    return all(_fits(part, plan) for part in plan.parts)


def _fits(part: Part, plan: StitchPlan) -> bool:
    facts, first = part.facts, plan.parts[0].facts.copyable
    own = facts.copyable
    if own is None or first is None or not own.same_stream(first):
        return False
    return (
        own.stored == (plan.width, plan.height)
        and facts.fps == plan.fps
        and part.speed == 1
        and part.first in own.keys
        and (part.stop == facts.num_frames or part.stop in own.keys)
    )


def copy(plan: StitchPlan, heard: Heard | None, target: EncodeTarget) -> bool:
    """Copy the pictures, encode the sound beside them; False if the packets do not line up.

    What was written may be taken only if `is_exact` says so.
    """
    with (
        open_container(locate(plan.parts[0].facts.path)) as model,
        open_output(MP4, target.path, target.metadata) as output,
    ):
        stream = output.add_stream_from_template(model.streams.video[0])
        track = SoundTrack(output, MP4, heard) if heard else None
        lined_up = _mux(plan, output, stream, track)
        if track:
            track.finish()
    return lined_up


def _mux(
    plan: StitchPlan, output: OutputContainer, stream: VideoStream, track: SoundTrack | None
) -> bool:
    """Decoding times are told anew, one frame after the other: where clips wait for different
    numbers of frames before the first is shown, their own would leave a gap, and players count it.
    """
    count, lead = 0, 0
    for part, start in zip(plan.parts, plan.starts, strict=True):
        for packet, shown, waited in _packets(part, start):
            lead = lead if count else waited
            decoded = count * (packet.duration or 0) - lead
            if decoded > shown:
                return False
            count += 1
            packet.pts, packet.dts, packet.stream = shown, decoded, stream
            output.mux(packet)
            if track:
                track.follow(decoded * Fraction(packet.time_base or 0))
    return True


def _packets(part: Part, start: int) -> Iterator[tuple[Packet, int, int]]:
    """The part's packets, each one frame long; when it is shown if the part's first frame is frame
    `start` of the result, and how long after it is decoded."""
    facts = part.facts
    located = locate(facts.path)
    with open_container(located) as container:
        stream = video_stream(container, located.name)
        base = Fraction(stream.time_base or 1)
        tick = int(1 / (facts.fps * base))
        first = round(facts.origin / base)
        shift = (start - part.first) * tick - first
        for packet in container.demux(stream):
            if packet.pts is None or packet.dts is None or packet.is_discard:
                continue
            if part.first <= (packet.pts - first) // tick < part.stop:
                packet.duration = tick
                yield packet, packet.pts + shift, packet.pts - packet.dts


def is_exact(plan: StitchPlan, path: Path) -> bool:
    """Whether a copy decodes to the clips' own frames, every one, in order, at its exact time."""
    try:
        with av.open(str(path)) as container, closing(_expected(plan)) as expected:
            return _all_equal(container.decode(video=0), expected, plan)
    except FFmpegError:
        return False


def _all_equal(
    frames: Iterator[VideoFrame], expected: Iterator[VideoFrame], plan: StitchPlan
) -> bool:
    count = 0
    for frame in frames:
        wanted = next(expected, None)
        if wanted is None or not _equal(frame, wanted):
            return False
        if Fraction(frame.pts or 0) * Fraction(frame.time_base or 0) != count / plan.fps:
            return False
        count += 1
    return count == plan.num_frames


def _expected(plan: StitchPlan) -> Generator[VideoFrame]:
    for part in plan.parts:
        located = locate(part.facts.path)
        with open_container(located) as container:
            frames = container.decode(video_stream(container, located.name))
            for place, frame in enumerate(frames):
                if place >= part.stop:
                    break
                if place >= part.first:
                    yield frame


def _equal(one: VideoFrame, other: VideoFrame) -> bool:
    same = (one.width, one.height, one.format.name) == (
        other.width,
        other.height,
        other.format.name,
    )
    return same and np.array_equal(one.to_ndarray(), other.to_ndarray())
