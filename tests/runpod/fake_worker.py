"""The worker with a model that costs nothing; what it does is said by words of the prompt:

oom, poison, bug    out of memory, a broken device, an error nobody expected, at step 2
hold=FILE           goes on stepping until the file is there     noise    frames that do not pack
diary=FILE          writes down its steps, and what stopped it
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from ltxserve.catalog import ModelSpec
from ltxserve.engine.backends.base import ConditionFrames, Frames, Placement
from ltxserve.engine.plan import Plan
from ltxserve.errors import GenerationFailed, OutOfMemory
from ltxserve.progress import Observer, Progress
from ltxserve.runpod import progress
from ltxserve.runpod.startup import main
from tests.unit.engine.fakes import FakeBackend, FakeMade

STEP = 0.02
# The platform is a thread of the tests, which may be stopped for seconds.
progress.LAST_WORD = 300.0


class Noisy(FakeMade):
    """Frames of noise, which no encoder makes small."""

    def frames(self) -> Iterator[Frames]:
        noise = np.random.default_rng(self.seed)
        for chunk in super().frames():
            yield noise.integers(0, 256, chunk.shape, np.uint8)


class Told(FakeBackend):
    """Does as the prompt says."""

    def run(
        self,
        plan: Plan,
        seed: int,
        conditions: Sequence[ConditionFrames],
        observer: Observer,
        *more: Any,
        **named: Any,
    ) -> FakeMade:
        pairs = (word.partition("=") for word in plan.prompt.split())
        words = {name: value for name, _, value in pairs}
        with Path(words.get("diary", os.devnull)).open("a") as diary:
            try:
                _steps(words, plan.num_inference_steps, observer, diary)
            except BaseException as error:
                print(type(error).__name__, file=diary, flush=True)
                raise
        return (Noisy if "noise" in words else FakeMade)(plan, seed)


def _steps(words: dict[str, str], total: int, observer: Observer, diary: TextIO) -> None:
    for step in range(1, total + 1):
        print(f"step {step}", file=diary, flush=True)
        if step == min(2, total):
            _act(words)
        observer(Progress("denoise", step, total))
        while "hold" in words and not Path(words["hold"]).exists():
            threading.Event().wait(STEP)
            observer(Progress("denoise", step, total))


def _act(words: dict[str, str]) -> None:
    if "oom" in words:
        raise OutOfMemory()
    if "poison" in words:
        raise GenerationFailed(
            "device_broken", "The device broke: CUDA error: an illegal memory access.", "Restart."
        )
    if "bug" in words:
        raise KeyError("nobody expected this")


def create(spec: ModelSpec, placement: Placement) -> Told:
    """What an Engine takes for loading."""
    del spec, placement
    return Told()


if __name__ == "__main__":
    sys.exit(main(create=create))
