"""Generates every case through the engine, measures it and gathers the outcomes; prints nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from benchmarks.tiny_eval.cases import FPS, HEIGHT, NUM_FRAMES, WIDTH, Case
from benchmarks.tiny_eval.hearing import Sound
from benchmarks.tiny_eval.judge import Verdict, judge_pictures, judge_text
from benchmarks.tiny_eval.measure import Measured, measure
from benchmarks.tiny_eval.palette import Bytes
from benchmarks.tiny_eval.report import Outcome
from benchmarks.tiny_eval.sheet import failure_row


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

    def make(case: Case, seed: int) -> Made:
        pictures = {picture.frame: picture.pixels for picture in case.pictures}
        clip = generate(
            case.prompt.text,
            image=pictures.get(0),
            last_image=pictures.get(-1),
            model=model,
            seed=seed,
            width=WIDTH,
            height=HEIGHT,
            num_frames=NUM_FRAMES,
            fps=FPS,
        )
        audio = clip.audio
        sound = None if audio is None else Sound(audio.samples, audio.sample_rate)
        return Made(clip.frames, clip.fps, sound)

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
