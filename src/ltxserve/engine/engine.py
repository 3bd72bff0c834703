"""Requests in, clips or files out, on one resident model; it knows no jobs and no money."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType

import numpy as np

from ltxserve.catalog import Catalog, ModelSpec, load_catalog
from ltxserve.engine.backends.base import Backend, Frames, Placement
from ltxserve.engine.backends.create import check_adapters, create_backend
from ltxserve.engine.clip import Clip, ClipFile, target_of
from ltxserve.engine.foreseeing import Foreseeing
from ltxserve.engine.plan import Plan, plan
from ltxserve.engine.run import Run
from ltxserve.engine.settle import settle
from ltxserve.media.encode import check_target, write_video
from ltxserve.media.rates import exact_fps, samples_for
from ltxserve.media.sound import Sound
from ltxserve.progress import NullObserver, Observer, Progress
from ltxserve.types import GenerationRequest

BackendMaker = Callable[[ModelSpec, Placement], Backend]


class Engine:
    """Generates clips; the last model stays resident, so that only the first request loads it.

    One run at a time: a second thread waits its turn, and an observer must not start a run on the
    engine that calls it. As a context manager, it lets the model go at the end.

    placement: device, arithmetic and folder of models. catalog: None = the package's own.
    create: loads a model; another one is passed in by tests and by other backends.
    """

    def __init__(
        self,
        placement: Placement | None = None,
        catalog: Catalog | None = None,
        create: BackendMaker = create_backend,
    ) -> None:
        self.catalog = catalog or load_catalog()
        self.placement = placement or Placement()
        self._create = create
        self._resident: tuple[str, Backend] | None = None
        self._turn = threading.Lock()

    def plan(self, request: GenerationRequest) -> Plan:
        """What would run; the sources that a clip is made from are looked at for it.

        Raises RequestRefused with every problem of the request, MediaError for such a source.
        """
        return plan(settle(request, self.catalog), self.catalog)

    def generate(self, request: GenerationRequest, observer: Observer | None = None) -> Clip:
        """Run a request and keep the clip in memory.

        Raises RequestRefused before any work, MediaError for conditions that cannot be read
        (before the model is loaded), ModelUnavailable, OutOfMemory, GenerationFailed, and
        whatever the observer raises (Cancelled stops the run within one step).
        """
        run = self._run(request, observer)
        with self._turn:
            run.foresee()
            shape, done = run.plan.deliver, 0
            frames = np.empty((shape.num_frames, shape.height, shape.width, 3), np.uint8)
            for chunk in run.frames():
                frames[done : done + len(chunk)] = chunk
                done += len(chunk)
            sound = _of_length(run.sound(), shape.num_frames, shape.fps)
            return Clip(frames, sound, shape.fps, run.report())

    def write(
        self,
        request: GenerationRequest,
        path: str | Path,
        observer: Observer | None = None,
        *,
        durable: bool = True,
    ) -> ClipFile:
        """Run a request straight into a file: frames are encoded, in another thread, while later
        ones and the sound are decoded.

        path: its suffix chooses the format (.mp4, .webm, .gif, none = a folder of PNG frames).
        durable: wait until the file is on the disk; False where it is copied away at once.
        The file appears whole or not at all, and a place that cannot be written to is refused
        before anything is generated. Raises what `generate` raises, and MediaError:
        `output_invalid`, `media_write_failed`, `encoder_missing`.
        """
        run = self._run(request, observer)
        target = target_of(Path(path), run.plan, durable)
        check_target(target)
        with self._turn:
            run.foresee()
            target = target_of(Path(path), run.plan, durable)
            file = write_video(_encoding(run), target, run.sound)
            return ClipFile(file, run.report())

    def backend(self, model: str) -> Backend:
        """The resident backend of a model, by name or alias; another model's is let go first.

        Raises ModelUnavailable: `weights_missing`, `weights_corrupt`, `backend_missing`.
        """
        spec = self.catalog.model(model)
        if self._resident is None or self._resident[0] != spec.name:
            last = self._resident  # alive until the next is loaded: what both need is read once
            self.close()
            self._resident = (spec.name, self._create(spec, self.placement))
            del last
        return self._resident[1]

    def _run(self, request: GenerationRequest, observer: Observer | None) -> Run:
        settled = settle(request, self.catalog)
        made = plan(settled, self.catalog)
        if self._resident is None or self._resident[0] != made.model:
            # A resident model compares adapters with itself; another one is not loaded in vain.
            every = dict.fromkeys((*made.loras, *(u for s in made.stages for u in s.loras)))
            check_adapters(tuple(every), self.catalog.model(made.model), self.placement)
        foreseeing = Foreseeing(settled, self.catalog)
        return Run(made, self.backend, observer or NullObserver(), foreseeing)

    def close(self) -> None:
        """Let the resident model and its memory go; the next request loads it again."""
        if self._resident is not None:
            backend, self._resident = self._resident[1], None
            backend.close()

    def __enter__(self) -> Engine:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _encoding(run: Run) -> Iterator[Frames]:
    """A run's frames; the time until the next are asked for, that of waiting for the encoder,
    counted as encoding."""
    total, done = run.plan.deliver.num_frames, 0
    for chunk in run.frames():
        run.tell(Progress("encode_file", done, total))
        yield chunk
        done += len(chunk)
        run.tell(Progress("encode_file", done, total))


def _of_length(sound: Sound | None, num_frames: int, fps: float) -> Sound | None:
    if sound is None:
        return None
    return sound.fitted(samples_for(num_frames, exact_fps(fps), sound.sample_rate))
