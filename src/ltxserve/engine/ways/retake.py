"""A range of a video made anew: outside it, the source's own pixels and samples are delivered."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ltxserve.engine.backends.base import Frames, Given, GivenFrames, GivenSound
from ltxserve.engine.geometry import latent_frames, latent_index
from ltxserve.engine.plan import Plan, PlannedRetake
from ltxserve.engine.ways.base import Make, Material, Playing, Take, fitted
from ltxserve.engine.ways.blending import (
    alike,
    appended,
    cut,
    mixed,
    replaced,
    share_of_new,
    silence,
)
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
        own, done = self._source.frames, self.asked.window
        if not self.asked.video:
            yield own
            return
        if done:
            yield own[:done]
        for chunk in self._playing.frames():
            kept = own[done : done + len(chunk)]
            if len(kept):
                yield self._laid_over(kept, fitted(self.plan, chunk[: len(kept)]), done)
            done += len(chunk)
        if done < len(own):
            yield own[done:]

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
            own = silence(self.asked.source_frames, self._fps, made)
        made = alike(made, own)
        placed = appended(silence(self.asked.window, self._fps, own), made)
        return replaced(own, placed, self.asked.start, self.asked.end)

    @property
    def _fps(self) -> float:
        return self.plan.generate.fps

    def _given(self) -> Given:
        asked, count = self.asked, latent_frames(self.plan.generate.num_frames)
        first = latent_index(asked.first_frame - asked.window)
        # Up to the end of the source is up to the end of what goes on behind it.
        at_end = asked.end_frame == asked.source_frames
        end = count if at_end else latent_index(asked.end_frame - 1 - asked.window) + 1
        held = tuple(not asked.video or not first <= index < end for index in range(count))
        frames = GivenFrames(covering(self._seen(), self.plan), 0, held)
        sound = self._source.sound
        if sound is None:
            return Given(frames)
        heard = cut(sound, self._fps, asked.window, asked.window + asked.window_frames)
        start, stop = (at - asked.window / self._fps for at in (asked.start, asked.end))
        spans = ((0.0, start), (stop, math.inf)) if asked.audio else ((0.0, math.inf),)
        return Given(frames, GivenSound(heard, spans))

    def _seen(self) -> Frames:
        first, count = self.asked.window, self.asked.window_frames
        frames = self._source.frames[first : first + count]
        missing = count - len(frames)
        if missing <= 0:
            return frames
        return np.concatenate([frames, np.repeat(frames[-1:], missing, axis=0)])

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
    return RetakeWay(plan, asked, read_material(asked.source, plan, asked.source_frames))
