"""What a worker does: one settled request becomes files in the store, told step by step.

The entry of every pool's workers. It knows the engine, the store and plain payloads; no database,
no account, no money.
"""

from __future__ import annotations

import contextlib
import json
import logging
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ltxserve.catalog import load_catalog
from ltxserve.engine.backends.base import Placement
from ltxserve.engine.backends.tuning import Tuning
from ltxserve.engine.clip import FORMATS, ClipFile, metadata_of
from ltxserve.engine.engine import Engine
from ltxserve.engine.plan import parse_request
from ltxserve.engine.warming import warm_sizes
from ltxserve.errors import GenerationFailed, LtxserveError, ModelUnavailable, StorageError
from ltxserve.media.decode import read_sound
from ltxserve.media.encode import EncodedFile
from ltxserve.media.fetch import FetchRules
from ltxserve.media.sound import store_wav
from ltxserve.pool.base import Body, Tell, WorkerBroken
from ltxserve.progress import Observer
from ltxserve.service.gathering import Gathering
from ltxserve.service.packing import pack_frames
from ltxserve.service.pictures import write_pictures
from ltxserve.service.scratch import Scratch, sweep
from ltxserve.service.telling import Teller
from ltxserve.storage.base import ArtifactStore, Stored
from ltxserve.storage.create import StoreConfig, create_store

if TYPE_CHECKING:
    from ltxserve.types import GenerationRequest

PRELOADED = "tiny"
"""The model that a worker loads before it takes work, unless its configuration names another."""
STORE_STAGE = "store"
_SUFFIXES = {kind: suffix for suffix, kind in FORMATS.items()}
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Made:
    """Files by artifact name, each with its media type, and what a result says besides them."""

    files: Mapping[str, tuple[Path, str]]
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class Job:
    """A payload and where it is worked on."""

    payload: Mapping[str, Any]
    sources: Gathering
    folder: Path
    tell: Tell

    @property
    def prefix(self) -> str:
        """What the keys of its files begin with; another attempt's never collide with them."""
        return "/".join(str(self.payload[part]) for part in ("account_id", "job_id", "attempt"))


def create_renderer(config: str) -> Body:
    """The body of a worker, its model loaded.

    config: JSON with device, dtype, models_dir, adapters (an operator's file, may be missing),
    tuning (the words of Tuning.of, may be missing), store (a StoreConfig), fetch (FetchRules, may
    be missing) and preload (a model; "" = none).
    Raises ConfigurationError for a store or file that cannot be used, OutOfMemory; a model that is
    not here is left to the jobs that ask for it.
    """
    told = json.loads(config)
    folder, adapters = told.get("models_dir"), told.get("adapters")
    tuning = Tuning.of(told.get("tuning") or {})
    models = Path(folder) if folder else None
    placement = Placement(told["device"], told["dtype"], models, tuning=tuning)
    sweep()
    store, rules = (
        create_store(StoreConfig.from_dict(told["store"])),
        _rules(told.get("fetch") or {}),
    )
    engine = Engine(placement, load_catalog(adapters=Path(adapters) if adapters else None))
    _warm_up(engine, told.get("preload", PRELOADED))
    # The folder comes last: it is the sign of a worker that is warm (runpod/health.py).
    return Renderer(engine, store, rules, Scratch())


def _warm_up(engine: Engine, model: str) -> None:
    """Load a model and all that a first job would wait for. Raises OutOfMemory and the like."""
    try:
        if model:
            engine.backend(model)
            warm_sizes(engine, model)
    except ModelUnavailable as error:
        log.warning("no model is loaded yet: %s", error)


def prepare() -> None:
    """Load the libraries that a model needs, and no model; what is missing is found out later."""
    with contextlib.suppress(ImportError):
        for part in import_module("ltxserve.engine.backends.diffusers.load").PARTS:
            getattr(import_module(part.module), part.name)
        import_module("ltxserve.engine.backends.diffusers.run")


class Renderer:
    """A worker's body: payload in, result out; see pool/base.py."""

    def __init__(
        self, engine: Engine, store: ArtifactStore, rules: FetchRules, scratch: Scratch
    ) -> None:
        self.engine = engine
        self._store = store
        self._rules = rules
        self._scratch = scratch

    def __call__(self, payload: dict[str, Any], tell: Tell) -> dict[str, Any]:
        """Do one job: {job_id, attempt, account_id, kind, request}, sources settled.

        The result: artifacts (video, thumbnail, preview, and audio where the request says
        `audio: true`; each key, media_type, bytes, sha256), width, height, num_frames, fps,
        seconds, has_sound, seed, timings, warnings, plan. Raises coded errors, and WorkerBroken
        when the device is lost for this process.
        """
        try:
            with self._scratch.room() as room:
                folder = Path(room)
                job = Job(payload, Gathering(self._store, self._rules, folder), folder, tell)
                work = self._stitch if payload.get("kind") == "stitch" else self._generate
                return self._stored(job, work(job))
        except GenerationFailed as error:
            if error.code == "device_broken":
                raise WorkerBroken(error) from error
            raise

    def _generate(self, job: Job) -> Made:
        request = parse_request(job.sources.localized(job.payload["request"]))
        model = self.engine.plan(request).model
        path = job.folder / f"video{_SUFFIXES[request.output.format]}"
        # The store waits for the disk; this copy goes.
        made = self.engine.write(request, path, self._observer(job, model), durable=False)
        files = {
            "video": _deliverable(made.file),
            **write_pictures(made.path, made.file.num_frames, job.folder),
            **_sound(made.file, request),
        }
        return Made(files, {**made.file.extent, **_run_of(made)})

    def _stitch(self, job: Job) -> Made:
        from ltxserve.service import stitches  # late: most workers never join clips

        begun = time.monotonic()
        stitch = stitches.read(job.payload["request"])
        clips = stitches.fetch_clips(stitch, job.sources.file)
        joined = stitches.join(stitch, clips, job.folder, Teller(job.tell))
        took = {"stitch": round(time.monotonic() - begun, 3)}
        facts = {"seed": None, "timings": took, "warnings": list(joined.warnings)}
        return Made(joined.files, {**joined.result, **facts, "plan": dict(joined.plan)})

    def _observer(self, job: Job, model: str) -> Observer:
        return Teller(job.tell, lambda latents: self.engine.backend(model).preview(latents), model)

    def _stored(self, job: Job, made: Made) -> dict[str, Any]:
        """The result, once every file of it can be read back; of a failure nothing is kept.

        The files go at the same time: each waits for a disk or a network, and not for the others.
        """
        count = len(made.files)
        job.tell({"stage": STORE_STAGE, "step": 0, "of": count})
        keys = {name: f"{job.prefix}/{name}{path.suffix}" for name, (path, _) in made.files.items()}
        try:
            with ThreadPoolExecutor(count, "store") as hands:
                under_way = {
                    name: hands.submit(self._store.put, keys[name], path, media_type)
                    for name, (path, media_type) in made.files.items()
                }
            artifacts = {name: _facts_of(put.result()) for name, put in under_way.items()}
            job.tell({"stage": STORE_STAGE, "step": count, "of": count})
        except LtxserveError:
            self._forget([*keys.values()])
            raise
        return {"artifacts": artifacts, **made.facts}

    def _forget(self, keys: list[str]) -> None:
        for key in keys:
            try:
                self._store.delete(key)
            except StorageError as error:
                log.warning("%s is left behind: %s", key, error)


def _facts_of(stored: Stored) -> dict[str, Any]:
    return {
        "key": stored.key,
        "media_type": stored.media_type,
        "bytes": stored.bytes,
        "sha256": stored.sha256,
    }


def _run_of(made: ClipFile) -> dict[str, Any]:
    return {
        "seed": made.seed,
        "timings": {name: round(seconds, 3) for name, seconds in made.timings.items()},
        # Remarks tell what was measured of the clip; whoever reads warnings wants them.
        "warnings": [*made.warnings, *made.report.remarks],
        "plan": json.loads(metadata_of(made.plan)["plan"]),
        "peak_memory": made.report.peak_memory,
    }


def _deliverable(file: EncodedFile) -> tuple[Path, str]:
    """One file with its media type: PNG frames, which are a folder, become an archive."""
    if file.path.is_dir():
        return pack_frames(file.path), "application/zip"
    return file.path, file.media_type


def _sound(file: EncodedFile, request: GenerationRequest) -> dict[str, tuple[Path, str]]:
    if not request.audio or not file.has_sound:
        return {}
    path = file.path.with_name("audio.wav")
    store_wav(read_sound(str(file.path)), path)
    return {"audio": (path, "audio/wav")}


def _rules(told: Mapping[str, Any]) -> FetchRules:
    lists = {name: tuple(told[name]) for name in ("networks", "ports") if name in told}
    return FetchRules(**{**told, **lists})
