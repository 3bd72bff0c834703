"""One more try with less memory at a time, where the first ran out of it in spite of its estimate.

It knows no device: backends know how to spare, and how to let go of what a failed try has left.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TypeVar

from ltxserve.engine.backends.base import Foreseen, Frames, Made
from ltxserve.engine.plan import Plan
from ltxserve.errors import OutOfMemory
from ltxserve.media.sound import Sound

T = TypeVar("T")

ASKED_AGAIN = (
    "Memory ran out while the model wrote the prompt or chose the length; it was asked again with"
    " only the parts on the device that were at work. low_vram does so from the start."
)
DENOISED_AGAIN = (
    "Memory ran out while the clip was denoised; it was denoised again with only the parts of the"
    " model on the device that were at work. low_vram does so from the start."
)
DECODED_AGAIN = (
    "Memory ran out while frames were decoded; they were decoded in smaller pieces."
    " low_vram does so from the start."
)
HEARD_AGAIN = (
    "Memory ran out while the sound was decoded; it was decoded again with only the decoders on"
    " the device. low_vram does so from the start."
)


class Sparing:
    """Whether a clip is made with little memory: as asked, or since memory ran out, once.

    recover: lets go of what a failed try has left. `warnings`: what was done, for people.
    """

    def __init__(self, asked: bool, recover: Callable[[], None]) -> None:
        self.on = asked
        self.warnings: tuple[str, ...] = ()
        self._recover = recover

    def made(self, plan: Plan, run: Callable[[Plan], Made]) -> Made:
        """A plan's run. Raises OutOfMemory where sparing did not help."""
        return self._tried(plan, run, DENOISED_AGAIN)

    def foreseen(self, plan: Plan, ask: Callable[[Plan], Foreseen]) -> Foreseen:
        """What the model says of an open plan. Raises OutOfMemory where sparing did not help."""
        return self._tried(plan, ask, ASKED_AGAIN)

    def frames(self, made: Made) -> Iterator[Frames]:
        """The frames of a run, every one once. Raises OutOfMemory where sparing did not help."""
        done = 0
        if not self.on:
            with suppress(OutOfMemory):
                for chunk in made.frames():
                    done += len(chunk)
                    yield chunk
                return
            self._begin(DECODED_AGAIN)
            made.spare()
        yield from _behind(made.frames(), done)

    def sound(self, made: Made) -> Sound | None:
        """The sound of a run. Raises OutOfMemory where sparing did not help."""
        if not self.on:
            with suppress(OutOfMemory):
                return made.sound()
            self._begin(HEARD_AGAIN)
            made.spare()
        return made.sound()

    def _tried(self, plan: Plan, run: Callable[[Plan], T], why: str) -> T:
        if not self.on:
            with suppress(OutOfMemory):  # the error goes, and with it all that the try held
                return run(plan)
            self._begin(why)
        return run(dataclasses.replace(plan, low_vram=True))

    def _begin(self, why: str) -> None:
        self.on = True
        self.warnings += (why,)
        self._recover()


def _behind(chunks: Iterator[Frames], done: int) -> Iterator[Frames]:
    """What follows the first `done` frames."""
    for chunk in chunks:
        skipped = min(done, len(chunk))
        done -= skipped
        if skipped < len(chunk):
            yield chunk[skipped:]
