"""Turns requests into clips: plan, resident backend, decoding, delivery. It knows no jobs and no money."""

from __future__ import annotations

import dataclasses
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from ltxserve.catalog import Catalog, load_catalog
from ltxserve.engine.backends.base import Backend, Frames, Made, Placement, create_backend
from ltxserve.engine.clip import Clip, ClipFile, Report, format_of, target_of
from ltxserve.engine.plan import Plan, plan
from ltxserve.media.encode import write_video
from ltxserve.media.frames import fit_crop, resize
from ltxserve.media.sound import Sound
from ltxserve.progress import NullObserver, Observer, Progress
from ltxserve.types import GenerationRequest

SEEDS = 2**32  # random seeds stay below this, so that people can type them


class Stopwatch:
    """Seconds by stage; a stage inside another one is not counted twice."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._inner = [0.0]

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time spent inside to a stage."""
        start = time.perf_counter()
        self._inner.append(0.0)
        try:
            yield
        finally:
            whole = time.perf_counter() - start
            self.seconds[name] = self.seconds.get(name, 0.0) + whole - self._inner.pop()
            self._inner[-1] += whole


class Engine:
    """Generates clips; the last model stays resident, so that only the first request pays for loading.

    Not for several threads at once: one engine drives one device.
    """

    def __init__(self, placement: Placement | None = None, catalog: Catalog | None = None) -> None:
        self.catalog = catalog or load_catalog()
        self.placement = placement or Placement()
        self._resident: tuple[str, Backend] | None = None

    def plan(self, request: GenerationRequest) -> Plan:
        """What would run. Raises RequestRefused with every problem of the request."""
        return plan(request, self.catalog)

    def generate(self, request: GenerationRequest, observer: Observer | None = None) -> Clip:
        """Run a request and keep the clip in memory.

        Raises RequestRefused before any work, MediaError for conditions that cannot be read,
        ModelUnavailable, OutOfMemory, and whatever the observer raises (Cancelled stops the run).
        """
        run = _Run(self, self.plan(request), observer or NullObserver())
        made = run.denoise()
        frames = np.concatenate(list(run.delivered(made)))
        sound = run.sound(made)
        return Clip(frames, sound, run.plan.deliver.fps, run.report(made))

    def write(
        self, request: GenerationRequest, path: str | Path, observer: Observer | None = None
    ) -> ClipFile:
        """Run a request straight into a file: frames are encoded while later ones are decoded.

        The file appears whole or not at all. Raises what `generate` raises, and MediaError
        `media_write_failed`.
        """
        planned = self.plan(request)
        format_of(Path(path))
        run = _Run(self, planned, observer or NullObserver())
        made = run.denoise()
        with run.watch.stage("encode_file"):
            file = write_video(
                run.delivered(made),
                target_of(Path(path), run.report(made)),
                lambda: run.sound(made),
            )
        run.observer(Progress("encode_file", 1, 1))
        return ClipFile(file, run.report(made))

    def backend(self, model: str) -> Backend:
        """The resident backend of a model; another model's is let go first."""
        if self._resident is None or self._resident[0] != model:
            self._resident = None
            self._resident = (model, create_backend(self.catalog.model(model), self.placement))
        return self._resident[1]

    def close(self) -> None:
        """Let the resident model go."""
        self._resident = None


class _Run:
    """One run of one plan: what `generate` and `write` share."""

    def __init__(self, engine: Engine, planned: Plan, observer: Observer) -> None:
        self.engine = engine
        self.seed = secrets.randbelow(SEEDS) if planned.seed is None else planned.seed
        self.plan = dataclasses.replace(planned, seed=self.seed)
        self.observer = observer
        self.watch = Stopwatch()

    def denoise(self) -> Made:
        """Load what is needed and run everything up to the latents."""
        self.observer(Progress("load", 0, 1))
        with self.watch.stage("load"):
            self.backend = self.engine.backend(self.plan.model)
        with self.watch.stage("denoise"):
            return self.backend.run(self.plan, self.seed, self.observer)

    def delivered(self, made: Made) -> Iterator[Frames]:
        """Frames as the caller gets them: decoded, then cropped or scaled to the delivered size."""
        deliver, done = self.plan.deliver, 0
        self.observer(Progress("decode_video", 0, deliver.num_frames))
        chunks = made.frames()
        while True:
            with self.watch.stage("decode_video"):
                chunk = next(chunks, None)
            if chunk is None:
                return
            done += len(chunk)
            self.observer(Progress("decode_video", done, deliver.num_frames))
            yield self._fitted(chunk)

    def _fitted(self, chunk: Frames) -> Frames:
        if self.plan.fit == "none":
            return chunk
        fit = fit_crop if self.plan.fit == "crop" else resize
        return fit(chunk, self.plan.deliver.width, self.plan.deliver.height)

    def sound(self, made: Made) -> Sound | None:
        """The sound, decoded; cut or padded to the clip by whoever writes it."""
        if not self.plan.generate_audio:
            return None
        self.observer(Progress("decode_audio", 0, 1))
        with self.watch.stage("decode_audio"):
            sound = made.sound()
        self.observer(Progress("decode_audio", 1, 1))
        return sound

    def report(self, made: Made) -> Report:
        """How the run went so far."""
        return Report(
            plan=self.plan,
            seed=self.seed,
            timings=dict(self.watch.seconds),
            warnings=(*self.plan.warnings, *made.warnings),
            peak_memory=self.backend.peak_memory(),
        )
