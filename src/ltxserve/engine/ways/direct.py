"""Clips that come out of one run as they are: plain ones, made-over videos, clips to a sound."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ltxserve.engine.backends.base import Frames, Given, GivenFrames, GivenSound
from ltxserve.engine.geometry import latent_frames
from ltxserve.engine.plan import Plan
from ltxserve.engine.ways.base import Make, Material, Playing, Take, fitted
from ltxserve.engine.ways.reading import covering, read_given_sound, read_material
from ltxserve.media.sound import Sound


class Direct:
    """A clip from one run. source: the video to make over. own: the sound that it carries."""

    def __init__(self, plan: Plan, source: Material | None, own: Sound | None) -> None:
        self.plan = plan
        self.remarks: list[str] = []
        self._source = source
        self._own = own
        self._playing: Playing | None = None

    def frames(self, make: Make) -> Iterator[Frames]:
        """See Way.frames."""
        self._playing = make(Take(self.plan, self._given()))
        self._source = None  # its frames are not needed while the clip's are decoded
        for chunk in self._playing.frames():
            yield fitted(self.plan, chunk)

    def sound(self) -> Sound | None:
        """See Way.sound: the given one itself, cut or padded by whoever writes it."""
        if self._playing is None or not self.plan.generate_audio:
            return None
        return self._playing.sound() if self._own is None else self._own

    def _given(self) -> Given | None:
        if self._source is None and self._own is None:
            return None
        frames, heard = None, None
        if self._source is not None:
            count = latent_frames(self.plan.generate.num_frames)
            frames = GivenFrames(covering(self._source.frames, self.plan), 0, (False,) * count)
            if self._source.sound is not None and self.plan.generate_audio:
                heard = GivenSound(self._source.sound)
        if self._own is not None:
            heard = GivenSound(self._own, ((0.0, math.inf),))
        return Given(frames, heard)


def open_direct(plan: Plan) -> Direct:
    """Read what the clip is made from. Raises MediaError."""
    source, own = None, None
    if plan.video_to_video is not None:
        source = read_material(plan.video_to_video.source, plan, plan.generate.num_frames)
    if plan.sound is not None:
        own = read_given_sound(plan.sound.source, plan.sound.start)
    return Direct(plan, source, own)
