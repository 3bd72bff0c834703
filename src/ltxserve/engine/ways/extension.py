"""A video gone on from, in segments, each led by the tail of what was before it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ltxserve.engine.backends.base import Frames, Given, GivenFrames, GivenSound
from ltxserve.engine.geometry import FRAME_STEP, latent_frames
from ltxserve.engine.plan import Plan, PlannedExtend, Segment
from ltxserve.engine.plan.stages import of_segment
from ltxserve.engine.ways.base import Make, Material, Take, fitted
from ltxserve.engine.ways.blending import (
    RAMP,
    alike,
    appended,
    cut,
    mixed,
    share_of_new,
    silence,
)
from ltxserve.engine.ways.drift import Colour, drift, mean_colour
from ltxserve.engine.ways.reading import covering, read_material
from ltxserve.media.sound import Sound


@dataclass(frozen=True, eq=False)
class Part:
    """What a segment made: its frames as the model makes them, context and new, and sound."""

    context: Frames
    new: Frames
    sound: Sound | None


class ExtensionWay:
    """An extension under way. Everything is done in the direction of time where the source is
    before what is added, and against it where it is behind."""

    def __init__(self, plan: Plan, asked: PlannedExtend, source: Material) -> None:
        self.plan = plan
        self.asked = asked
        self.remarks: list[str] = []
        self._source = source
        self._sound = source.sound
        self._source_frames = len(source.frames)
        self._forward = asked.direction == "end"

    def frames(self, make: Make) -> Iterator[Frames]:
        """See Way.frames. At the end, frames are given out segment by segment; before the start,
        the last made come first, so all are waited for."""
        pieces = self._pieces(make)
        if self._forward:
            yield from pieces
        else:
            yield from reversed(list(pieces))

    def sound(self) -> Sound | None:
        """See Way.sound."""
        if self._sound is None or not self.plan.generate_audio or self.asked.join:
            return self._sound if self.plan.generate_audio else None
        total, fps = self._source_frames + self.asked.added, self.plan.deliver.fps
        span = (self._source_frames, total) if self._forward else (0, self.asked.added)
        return cut(self._sound, fps, *span)

    def _pieces(self, make: Make) -> Iterator[Frames]:
        """The source with its seam, then what every segment adds: away from the source."""
        segments = self.asked.segments
        tail = self._tail(covering(self._source.frames, self.plan), segments[0])
        origin = mean_colour(fitted(self.plan, tail))
        left = self.asked.added
        for number, segment in enumerate(segments):
            part = self._made(make, number, tail)
            if number == 0 and self.asked.join:
                yield self._seam(part.context)
            new = part.new[:left] if self._forward else part.new[-left:]
            shown = fitted(self.plan, new)
            self._note(number, shown, origin)
            self._hear(part, segment, len(new))
            left -= len(new)
            order = (tail, part.new) if self._forward else (part.new, tail)
            following = segments[min(number + 1, len(segments) - 1)]
            tail = self._tail(np.concatenate(order), following)
            yield shown

    def _made(self, make: Make, number: int, tail: Frames) -> Part:
        segment = self.asked.segments[number]
        total = segment.num_frames
        shape = dataclasses.replace(self.plan.generate, num_frames=total)
        count = len(self.asked.segments)
        stages = of_segment(self.plan.stages, number, count)
        plan = dataclasses.replace(self.plan, generate=shape, stages=stages)
        given = Given(self._held(segment, tail), self._heard(segment))
        playing = make(Take(plan, given, number, count))
        frames = np.concatenate(list(playing.frames()))
        border = segment.context if self._forward else segment.new
        one, two = frames[:border], frames[border:]
        sound = playing.sound() if self.plan.generate_audio else None
        return Part(one, two, sound) if self._forward else Part(two, one, sound)

    def _held(self, segment: Segment, tail: Frames) -> GivenFrames:
        if self._forward:
            return GivenFrames(tail, 0, (True,) * latent_frames(segment.context))
        return GivenFrames(tail, segment.new, (True,) * (segment.context // FRAME_STEP))

    def _heard(self, segment: Segment) -> GivenSound | None:
        """The sound of the context, at its place in the segment; None where there is none."""
        if self._sound is None or not self.plan.generate_audio:
            return None
        fps = self.plan.generate.fps
        rate = self._sound.sample_rate
        have = round(self._sound.seconds * fps)
        if self._forward:
            near = cut(self._sound, fps, max(0, have - segment.context), have)
            return GivenSound(near, ((0.0, segment.context / fps),))
        near = cut(self._sound, fps, 0, segment.context)
        ahead = np.zeros((near.channels, round(segment.new / fps * rate)), np.float32)
        placed = Sound(np.concatenate([ahead, near.samples], axis=1), rate)
        return GivenSound(placed, ((segment.new / fps, segment.num_frames / fps),))

    def _hear(self, part: Part, segment: Segment, new: int) -> None:
        """Add what a segment sounds like, its last `new` frames towards the source."""
        made, fps = part.sound, self.plan.generate.fps
        if made is None:
            return
        if self._sound is None:
            self._sound = silence(self._source_frames, fps, made)
        made = alike(made, self._sound)
        total, context = segment.num_frames, segment.context
        if self._forward:
            added = cut(made, fps, context, context + new)
            self._sound = appended(self._sound, added, cut(made, fps, 0, context))
            return
        border = segment.new
        added = cut(made, fps, border - new, border)
        # The same, read backwards: the seam lies at the beginning of what is there.
        back = [_reversed(s) for s in (self._sound, added, cut(made, fps, border, total))]
        self._sound = _reversed(appended(*back))

    def _seam(self, decoded: Frames) -> Frames:
        """The source, its frames next to what is new going over to the decoder's."""
        frames = self._source.frames.copy()
        near = fitted(self.plan, decoded)
        for distance in range(1, min(RAMP, len(near), len(frames)) + 1):
            index = -distance if self._forward else distance - 1
            frames[index] = mixed(frames[index], near[index], share_of_new(distance))
        return frames

    def _tail(self, frames: Frames, segment: Segment) -> Frames:
        context = segment.context
        return frames[-context:] if self._forward else frames[:context]

    def _note(self, number: int, shown: Frames, origin: Colour) -> None:
        self.remarks.append(
            f"Segment {number + 1} of {len(self.asked.segments)}: {len(shown)} frames, mean colour"
            f" {drift(shown, origin):.1f} levels from what it goes on from."
        )


def open_extension(plan: Plan, asked: PlannedExtend) -> ExtensionWay:
    """Read the video. Raises MediaError."""
    count = asked.source_frames
    if count is None and asked.join:
        count = asked.segments[0].context  # what the plan took it for
    return ExtensionWay(plan, asked, read_material(asked.source, plan, count))


def _reversed(sound: Sound) -> Sound:
    return Sound(np.ascontiguousarray(sound.samples[:, ::-1]), sound.sample_rate)
