"""Generates every case through the engine, measures it and gathers the outcomes; prints nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.tiny_eval.cases import FPS, HEIGHT, NUM_FRAMES, WIDTH, Case
from benchmarks.tiny_eval.hearing import Sound
from benchmarks.tiny_eval.judge import Verdict, judge_pictures, judge_text
from benchmarks.tiny_eval.measure import Measured, measure
from benchmarks.tiny_eval.palette import Bytes
from benchmarks.tiny_eval.report import Outcome
from benchmarks.tiny_eval.sheet import failure_row
from ltxserve.media.thumbnail import save_image


@dataclass(frozen=True)
class Made:
    """A clip as generated: frames uint8 (n, h, w, 3), frames per second, sound if it has one."""

    frames: Bytes
    fps: float
    sound: Sound | None


Generate = Callable[[Case, int], Made]
"""Makes the clip of a case with a seed."""


def with_engine(model: str) -> Generate:
    """Generates with a model of the catalog, at the built-in model's default size and length."""
    from ltxserve import generate
    from ltxserve.types import Condition

    def make(case: Case, seed: int) -> Made:
        with TemporaryDirectory() as folder:
            conditions: list[Condition] = []
            for picture in case.pictures:
                path = Path(folder) / f"{picture.frame % NUM_FRAMES}.png"
                save_image(picture.pixels, path)
                conditions.append(Condition(source=str(path), frame=picture.frame))
            clip = generate(
                case.prompt.text,
                model=model,
                seed=seed,
                width=WIDTH,
                height=HEIGHT,
                num_frames=NUM_FRAMES,
                fps=FPS,
                conditions=tuple(conditions),
            )
        heard = clip.audio
        sound = None if heard is None else Sound(np.asarray(heard.samples), heard.sample_rate)
        return Made(np.asarray(clip.frames), FPS, sound)

    return make


def judged(case: Case, made: Made, found: Measured) -> Verdict:
    """The verdict on a clip by its suite's rules."""
    if case.suite == "text":
        return judge_text(case.prompt, found, len(made.frames) / made.fps)
    pictures = tuple((picture.frame, picture.pixels) for picture in case.pictures)
    return judge_pictures(case.prompt, found, made.frames, pictures)


def run(
    cases: Iterable[Case], generate: Generate, first_seed: int, failures: list[Bytes]
) -> Iterator[Outcome]:
    """Outcomes one by one; case i gets seed `first_seed` + i; rows of failures are appended."""
    for index, case in enumerate(cases):
        started = time.perf_counter()
        made = generate(case, first_seed + index)
        seconds = time.perf_counter() - started
        found = measure(made.frames, made.fps, made.sound)
        verdict = judged(case, made, found)
        if not verdict.passed:
            failures.append(failure_row(made.frames, case.prompt, found))
        yield Outcome(case, found, verdict, first_seed + index, seconds)
