"""A range of a video made anew: outside it, the source's own pixels and samples are delivered."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ltxserve.engine.backends.base import Frames, Given, GivenFrames, GivenSound
from ltxserve.engine.geometry import latent_frames, latent_index
from ltxserve.engine.plan import Plan, PlannedRetake
from ltxserve.engine.ways.base import Make, Material, Playing, Take, fitted
from ltxserve.engine.ways.blending import mixed, replaced, share_of_new, silence
from ltxserve.engine.ways.reading import covering, read_material
from ltxserve.media.sound import Sound


class RetakeWay:
    """A retake under way."""

    def __init__(self, plan: Plan, asked: PlannedRetake, source: Material) -> None:
        self.plan = plan
        self.asked = asked
        self.remarks: list[str] = []
        self._source = source
        self._playing: Playing | None = None

    def frames(self, make: Make) -> Iterator[Frames]:
        """See Way.frames. Where no picture is made anew, none is decoded."""
        self._playing = make(Take(self.plan, self._given()))
        if not self.asked.video:
            yield self._source.frames
            return
        done = 0
        for chunk in self._playing.frames():
            kept = self._source.frames[done : done + len(chunk)]
            yield self._laid_over(kept, fitted(self.plan, chunk), done)
            done += len(chunk)

    def sound(self) -> Sound | None:
        """See Way.sound."""
        if self._playing is None or not self.plan.generate_audio:
            return None
        own = self._source.sound
        if not self.asked.audio:
            return own
        made = self._playing.sound()
        if made is None:
            return own
        if own is None:
            own = silence(self.plan.generate.num_frames, self.plan.generate.fps, made)
        return replaced(own, made, self.asked.start, self.asked.end)

    def _given(self) -> Given:
        asked, count = self.asked, latent_frames(self.plan.generate.num_frames)
        first, end = latent_index(asked.first_frame), latent_index(asked.end_frame - 1) + 1
        held = tuple(not asked.video or not first <= index < end for index in range(count))
        frames = GivenFrames(covering(self._source.frames, self.plan), 0, held)
        sound = self._source.sound
        if sound is None:
            return Given(frames)
        spans = ((0.0, asked.start), (asked.end, math.inf)) if asked.audio else ((0.0, math.inf),)
        return Given(frames, GivenSound(sound, spans))

    def _laid_over(self, kept: Frames, made: Frames, first: int) -> Frames:
        return np.stack(
            [
                mixed(old, new, share_of_new(self._distance(first + index)))
                for index, (old, new) in enumerate(zip(kept, made, strict=True))
            ]
        )

    def _distance(self, frame: int) -> int:
        return max(self.asked.first_frame - frame, frame - self.asked.end_frame + 1, 0)


def open_retake(plan: Plan, asked: PlannedRetake) -> RetakeWay:
    """Read the video. Raises MediaError."""
    return RetakeWay(plan, asked, read_material(asked.source, plan, plan.generate.num_frames))
