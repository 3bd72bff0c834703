"""What a way to make a clip has and gives; it knows no model library and no file format."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from ltxserve.engine.backends.base import Frames, Given
from ltxserve.engine.plan import Plan
from ltxserve.media.frames import fit_crop, resize
from ltxserve.media.sound import Sound


@dataclass(frozen=True, eq=False)
class Take:
    """One run of the model: its plan, what it is given, and its number among all of the clip."""

    plan: Plan
    given: Given | None = None
    number: int = 0
    of: int = 1


class Playing(Protocol):
    """A clip that was denoised and is decoded while it is asked for."""

    def frames(self) -> Iterator[Frames]:
        """Chunks uint8 (n, height, width, 3) of the plan's `generate` shape, in order."""
        ...

    def sound(self) -> Sound | None:
        """The sound, decoded after the frames; None where the plan makes none."""
        ...


Make = Callable[[Take], Playing]
"""Runs the model."""


class Way(Protocol):
    """One clip under way. `remarks`: what was measured of it, for people."""

    remarks: list[str]

    def frames(self, make: Make) -> Iterator[Frames]:
        """Chunks uint8 (n, height, width, 3) of the plan's `deliver` shape, in order."""
        ...

    def sound(self) -> Sound | None:
        """The sound that goes with them, asked for after the last of them."""
        ...


@dataclass(frozen=True, eq=False)
class Material:
    """A source, read: frames of the delivered size at the clip's rate, and its sound."""

    frames: Frames = field(repr=False)
    sound: Sound | None = field(default=None, repr=False)


def fitted(plan: Plan, chunk: Frames) -> Frames:
    """Frames of the generated size as they are delivered."""
    if plan.fit == "scale":
        chunk = resize(chunk, *plan.canvas)
    if plan.canvas == (plan.deliver.width, plan.deliver.height):
        return chunk
    return fit_crop(chunk, plan.deliver.width, plan.deliver.height)
