"""What a running generation tells its observer; knows nothing of screens, sockets or models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class Progress:
    """One step of one stage: `step` of `of` is done (0 = the stage has begun).

    `stage` is a stage kind of the plan, `message` is for people, `latents` are the unpacked
    video latents (batch, channels, frames, height, width) that a denoising step foresees as the
    end, for previews, or None; they belong to the run and must not be changed.
    """

    stage: str
    step: int
    of: int
    message: str = ""
    latents: Any = None

    @property
    def fraction(self) -> float:
        """Share of the stage that is done, from 0.0 to 1.0."""
        return min(1.0, max(0.0, self.step / self.of)) if self.of > 0 else 0.0


class Observer(Protocol):
    """Called at every step, in the thread that generates; raises `Cancelled` to stop the run."""

    def __call__(self, progress: Progress) -> None: ...


class NullObserver:
    """An observer that looks away."""

    def __call__(self, progress: Progress) -> None:
        del progress
