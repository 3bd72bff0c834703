"""One run of one plan: conditions, model, denoising, decoding, fitting; it knows no file."""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Callable, Iterator

from ltxserve.engine.backends.base import Backend, ConditionFrames, Frames, Made
from ltxserve.engine.backends.inputs import read_condition
from ltxserve.engine.clip import Report
from ltxserve.engine.plan import Plan
from ltxserve.engine.stopwatch import Stopwatch
from ltxserve.media.frames import fit_crop, resize
from ltxserve.media.sound import Sound
from ltxserve.progress import Observer, Progress

SEEDS = 2**32  # random seeds stay below this, so that people can type them


class Run:
    """Runs a plan while its `frames` are consumed; `sound` and `report` follow.

    backend: gives the resident backend of a model by name, loading it if need be.
    """

    def __init__(self, plan: Plan, backend: Callable[[str], Backend], observer: Observer) -> None:
        seed = secrets.randbelow(SEEDS) if plan.seed is None else plan.seed
        self.plan = dataclasses.replace(plan, seed=seed)
        self.seed = seed
        self.watch = Stopwatch()
        self._observer = observer
        self._find_backend = backend
        self._backend: Backend | None = None
        self._made: Made | None = None

    def tell(self, progress: Progress) -> None:
        """Tell the observer; time belongs to the stage it was told of last."""
        self.watch.enter(progress.stage)
        self._observer(progress)

    def frames(self) -> Iterator[Frames]:
        """Chunks uint8 (n, height, width, 3) of the delivered clip, in order.

        Nothing happens before the first chunk is asked for. Conditions are read before the model
        is loaded: what cannot be read costs nobody a minute.
        """
        made = self._denoised(self._conditions())
        total, done = self.plan.deliver.num_frames, 0
        self.tell(Progress("decode_video", 0, total))
        for chunk in made.frames():
            done += len(chunk)
            self.tell(Progress("decode_video", done, total))
            yield self._fitted(chunk)
            self.watch.enter("decode_video")

    def sound(self) -> Sound | None:
        """The sound, decoded after the frames; None where the plan makes none.

        Cut or padded to the clip by whoever writes it.
        """
        if self._made is None or not self.plan.generate_audio:
            return None
        self.tell(Progress("decode_audio", 0, 1))
        sound = self._made.sound()
        self.tell(Progress("decode_audio", 1, 1))
        return sound

    def report(self) -> Report:
        """How the run went so far."""
        self.watch.enter(None)
        made = () if self._made is None else self._made.warnings
        return Report(
            plan=self.plan,
            seed=self.seed,
            timings=dict(self.watch.seconds),
            warnings=tuple(dict.fromkeys((*self.plan.warnings, *made))),
            peak_memory=0 if self._backend is None else self._backend.peak_memory(),
        )

    def _conditions(self) -> tuple[ConditionFrames, ...]:
        read, total = [], len(self.plan.conditions)
        for number, condition in enumerate(self.plan.conditions):
            self.tell(Progress("read_conditions", number, total))
            read.append(read_condition(condition, self.plan.generate))
        if total:
            self.tell(Progress("read_conditions", total, total))
        return tuple(read)

    def _denoised(self, conditions: tuple[ConditionFrames, ...]) -> Made:
        self.tell(Progress("load", 0, 1))
        self._backend = self._find_backend(self.plan.model)
        self.tell(Progress("load", 1, 1))
        self._made = self._backend.run(self.plan, self.seed, conditions, self.tell)
        return self._made

    def _fitted(self, chunk: Frames) -> Frames:
        if self.plan.fit == "none":
            return chunk
        fit = fit_crop if self.plan.fit == "crop" else resize
        return fit(chunk, self.plan.deliver.width, self.plan.deliver.height)
