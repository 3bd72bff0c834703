"""One clip of one plan: sources, model, denoising, decoding, on the plan's way; knows no file."""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ltxserve.engine.backends.base import (
    Backend,
    ConditionFrames,
    ControlFrames,
    Foreseen,
    Frames,
    Given,
    Made,
)
from ltxserve.engine.backends.inputs import read_condition, read_control
from ltxserve.engine.clip import Report
from ltxserve.engine.foreseeing import Foreseeing
from ltxserve.engine.looking import named
from ltxserve.engine.plan import Plan
from ltxserve.engine.sparing import Sparing
from ltxserve.engine.stopwatch import Stopwatch
from ltxserve.engine.ways.base import Playing, Take, Way
from ltxserve.engine.ways.create import open_way, sources
from ltxserve.media.sound import Sound
from ltxserve.progress import Observer, Progress
from ltxserve.types import Shape

SEEDS = 2**32  # random seeds stay below this, so that people can type them


class Run:
    """Runs a plan while its `frames` are consumed; `sound` and `report` follow.

    backend: gives the resident backend of a model by name, loading it if need be. foreseeing:
    plans anew with what the model has said, for a plan that is open.
    """

    def __init__(
        self,
        plan: Plan,
        backend: Callable[[str], Backend],
        observer: Observer,
        foreseeing: Foreseeing | None = None,
    ) -> None:
        seed = secrets.randbelow(SEEDS) if plan.seed is None else plan.seed
        self.plan = dataclasses.replace(plan, seed=seed)
        self.seed = seed
        self.watch = Stopwatch()
        self._observer = observer
        self._find_backend = backend
        self._foreseeing = foreseeing
        self._backend: Backend | None = None
        self._made: Made | None = None
        self._way: Way | None = None
        self._warnings: tuple[str, ...] = ()
        self._controls: tuple[ControlFrames, ...] = ()
        self._sparing = Sparing(plan.low_vram, self._recover)

    def _recover(self) -> None:
        if self._backend is not None:
            self._backend.recover()

    def tell(self, progress: Progress) -> None:
        """Tell the observer; time belongs to the stage it was told of last."""
        self.watch.enter(progress.stage)
        self._observer(progress)

    def foresee(self) -> None:
        """Have the model say what the plan leaves to it; `plan` is then the one that runs."""
        while self._foreseeing is not None and self.plan.is_open:
            if self._backend is None:
                self._read()  # what cannot be read costs nobody a minute
                self._load()
            said = self._sparing.foreseen(self.plan, self._asked)
            anew = self._foreseeing.planned(self.plan, said)
            self.plan = dataclasses.replace(anew, seed=self.seed)

    def _asked(self, plan: Plan) -> Foreseen:
        assert self._backend is not None
        return self._backend.foresee(plan, self.seed, self.tell)

    def frames(self) -> Iterator[Frames]:
        """Chunks uint8 (n, height, width, 3) of the delivered clip, in order.

        Nothing happens before the first chunk is asked for. Conditions and sources are read before
        the model is loaded: what cannot be read costs nobody a minute.
        """
        conditions = self._read()
        assert self._way is not None
        for chunk in self._way.frames(lambda take: self._denoised(take, conditions)):
            yield chunk
            self.watch.enter("decode_video")

    def sound(self) -> Sound | None:
        """The sound, decoded after the frames; None where the plan makes none.

        Cut or padded to the clip by whoever writes it.
        """
        return None if self._way is None or self._made is None else self._way.sound()

    def report(self) -> Report:
        """How the run went so far."""
        self.watch.enter(None)
        return Report(
            plan=self.plan,
            seed=self.seed,
            timings=dict(self.watch.seconds),
            warnings=self._all_warnings(),
            peak_memory=0 if self._backend is None else self._backend.peak_memory(),
            remarks=() if self._way is None else tuple(self._way.remarks),
        )

    def _all_warnings(self) -> tuple[str, ...]:
        found = (*self.plan.warnings, *self._warnings, *self._sparing.warnings)
        return tuple(dict.fromkeys(found))

    def _read(self) -> tuple[ConditionFrames, ...]:
        read, more = [], sources(self.plan)
        self._controls = ()
        # Conditions lie in the first pass's clip; where the rate is doubled later, it has half.
        rate = self.plan.stages[0].shape.fps
        shown = Shape(*self.plan.canvas, self.plan.generate.num_frames, rate)
        total = len(self.plan.conditions) + len(self.plan.controls) + more
        for number, condition in enumerate(self.plan.conditions):
            self.tell(Progress("read_conditions", number, total))
            with named(f"conditions.{number}.source"):
                read.append(read_condition(condition, shown))
        for number, control in enumerate(self.plan.controls):
            self.tell(Progress("read_conditions", len(read) + number, total))
            with named(f"controls.{number}.source"):
                self._controls += (read_control(control, self.plan.stages[0].shape),)
        if more:
            self.tell(Progress("read_conditions", total - more, total))
        self._way = open_way(self.plan)
        if total:
            self.tell(Progress("read_conditions", total, total))
        return tuple(read)

    def _load(self) -> None:
        self.tell(Progress("load", 0, 1))
        self._backend = self._find_backend(self.plan.model)
        self.tell(Progress("load", 1, 1))

    def _denoised(self, take: Take, conditions: tuple[ConditionFrames, ...]) -> Playing:
        def tell(progress: Progress) -> None:
            self.tell(among(progress, take))

        if self._backend is None:
            self._load()
        assert self._backend is not None
        # Another seed for every segment: the same noise again would make the same motion again.
        seed = (self.seed + take.number) % 2**63
        given = take.given
        if self._controls:
            given = dataclasses.replace(given or Given(), controls=self._controls)
        backend = self._backend
        self._made = self._sparing.made(
            take.plan, lambda plan: backend.run(plan, seed, conditions, tell, given)
        )
        self._warnings += self._made.warnings
        return Telling(self._made, self._sparing, take, tell)


@dataclass(frozen=True)
class Telling:
    """A denoised clip that tells of its decoding."""

    made: Made
    sparing: Sparing
    take: Take
    tell: Callable[[Progress], None]

    def frames(self) -> Iterator[Frames]:
        """See Playing.frames."""
        total, done = self.take.plan.generate.num_frames, 0
        self.tell(Progress("decode_video", 0, total))
        for chunk in self.sparing.frames(self.made):
            done += len(chunk)
            self.tell(Progress("decode_video", done, total))
            yield chunk

    def sound(self) -> Sound | None:
        """See Playing.sound."""
        self.tell(Progress("decode_audio", 0, 1))
        sound = self.sparing.sound(self.made)
        self.tell(Progress("decode_audio", 1, 1))
        return sound


def among(progress: Progress, take: Take) -> Progress:
    """A step of one run as one of all the runs that a clip takes."""
    if take.of == 1:
        return progress
    step, of = progress.step + take.number * progress.of, progress.of * take.of
    return dataclasses.replace(progress, step=step, of=of)
