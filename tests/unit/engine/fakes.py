"""A backend that makes grey clips at once and, on demand, breaks or runs out of memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ltxserve.catalog import ModelSpec
from ltxserve.engine.backends.base import ConditionFrames, Foreseen, Frames, Given, Placement
from ltxserve.engine.plan import Plan
from ltxserve.media.sound import Sound
from ltxserve.progress import Observer, Progress

RATE = 16_000
CHUNK = 8
SECONDS = 2.2
"""What the fake takes for the right length of every clip."""


class FakeMade:
    """Frames whose grey is their number plus the seed, in chunks of 8; a tone of half a clip."""

    def __init__(self, plan: Plan, seed: int, warnings: tuple[str, ...] = ()) -> None:
        self.plan = plan
        self.seed = seed
        self.warnings = warnings
        self.spared = False

    def frames(self) -> Iterator[Frames]:
        shape = self.plan.generate
        for start in range(0, shape.num_frames, CHUNK):
            count = min(CHUNK, shape.num_frames - start)
            greys = (np.arange(start, start + count) + self.seed) % 256
            chunk = np.zeros((count, shape.height, shape.width, 3), np.uint8)
            yield chunk + greys.astype(np.uint8)[:, None, None, None]

    def sound(self) -> Sound | None:
        shape = self.plan.generate
        samples = np.sin(np.arange(round(shape.seconds * RATE / 2)) / 5, dtype=np.float32)
        return Sound(np.stack([samples, samples]), RATE)

    def spare(self) -> None:
        self.spared = True


class FakeBackend:
    """Keeps what it was asked to run; `act` is called at every denoising step."""

    def __init__(self, act: Callable[[int], None] = lambda step: None) -> None:
        self.ran: list[tuple[Plan, int, tuple[ConditionFrames, ...]]] = []
        self.foresaw: list[tuple[Plan, int]] = []
        self.given: list[Given | None] = []
        self.closed = False
        self.recovered = 0
        self._act = act

    def run(
        self,
        plan: Plan,
        seed: int,
        conditions: Sequence[ConditionFrames],
        observer: Observer,
        given: Given | None = None,
    ) -> FakeMade:
        assert not self.closed, "a closed backend was used"
        self.given.append(given)
        self.ran.append((plan, seed, tuple(conditions)))
        for step in range(1, plan.num_inference_steps + 1):
            self._act(step)
            observer(Progress("denoise", step, plan.num_inference_steps))
        return FakeMade(plan, seed, ("The fake is grey.",))

    def foresee(self, plan: Plan, seed: int, observer: Observer) -> Foreseen:
        self.foresaw.append((plan, seed))
        kind = plan.stages[0].kind
        observer(Progress(kind, 1, 1))
        if kind == "enhance_prompt":
            return Foreseen(prompt=f"{plan.asked_prompt}, seen from above")
        return Foreseen(seconds=SECONDS)

    def peak_memory(self) -> int:
        return 1_000_000

    def preview(self, latents: Any) -> Frames:
        return np.full((8, 8, 3), 128, np.uint8)

    def recover(self) -> None:
        self.recovered += 1

    def close(self) -> None:
        self.closed = True


class Loader:
    """What an Engine takes for loading: makes fakes and counts them."""

    def __init__(self, act: Callable[[int], None] = lambda step: None) -> None:
        self.made: list[tuple[ModelSpec, Placement, FakeBackend]] = []
        self._act = act

    def __call__(self, spec: ModelSpec, placement: Placement) -> FakeBackend:
        backend = FakeBackend(self._act)
        self.made.append((spec, placement, backend))
        return backend

    @property
    def last(self) -> FakeBackend:
        return self.made[-1][2]
