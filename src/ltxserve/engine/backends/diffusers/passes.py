"""A run's denoising passes: where each is among all steps, what it is shown; it runs none."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from ltxserve.engine.backends.base import ConditionFrames
from ltxserve.engine.geometry import SIDE_STEP, latent_frames
from ltxserve.engine.plan import Plan, Stage
from ltxserve.media.frames import resize
from ltxserve.progress import Observer, Progress
from ltxserve.types import Shape


@dataclass(frozen=True)
class Course:
    """One pass of a run: its number, its stage, the steps before it, and those of all passes."""

    number: int
    stage: Stage
    done: int
    total: int

    @property
    def grid(self) -> tuple[int, int, int]:
        """Latent frames, rows and columns."""
        shape = self.stage.shape
        sides = shape.height // SIDE_STEP, shape.width // SIDE_STEP
        return (latent_frames(shape.num_frames), *sides)

    @property
    def tokens(self) -> int:
        """Tokens of the clip itself; keyframes have more."""
        frames, rows, columns = self.grid
        return frames * rows * columns

    def tell(self, observer: Observer, step: int, tokens: Tensor | None = None) -> None:
        """Tell that `step` steps of this pass are done; tokens: the clip's own, (1, n, c)."""
        latents = None
        if tokens is not None:
            latents = tokens.unflatten(1, self.grid).permute(0, 4, 1, 2, 3)
        observer(Progress("denoise", self.done + step, self.total, latents=latents))


def courses(plan: Plan) -> tuple[Course, ...]:
    """The passes of a plan, in order."""
    steps = [stage.steps for stage in plan.passes]
    before = itertools.accumulate(steps[:-1], initial=0)
    return tuple(
        Course(number, stage, done, sum(steps))
        for number, (stage, done) in enumerate(zip(plan.passes, before, strict=True))
    )


def shown_at(conditions: Sequence[ConditionFrames], shape: Shape) -> list[ConditionFrames]:
    """The conditions that act, their pictures as large as those of a pass."""
    size = shape.width, shape.height
    return [
        condition
        if condition.frames.shape[2:0:-1] == size
        else dataclasses.replace(condition, frames=resize(condition.frames, *size))
        for condition in conditions
    ]
