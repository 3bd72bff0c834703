"""The worker's composition root: settings in, a model that has made a clip, then the SDK's loop.

No job is taken before the engine is warm: what is wrong with the model or the settings ends the
process at once, with one line that says what to do.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import importlib.util
import logging
import os
import sys
import time
from pathlib import Path
from typing import get_args

from ltxserve import __version__
from ltxserve.app import fetch_rules, media_limits, store_config
from ltxserve.catalog import Catalog, ModelSpec, load_catalog
from ltxserve.catalog.weights.hub import Hub, offline
from ltxserve.catalog.weights.needs import locate
from ltxserve.catalog.weights.places import Places
from ltxserve.catalog.weights.pull import Pulling, Wish, pull
from ltxserve.engine.backends.base import DeviceChoice, DtypeChoice, Placement
from ltxserve.engine.backends.create import create_backend
from ltxserve.engine.backends.tuning import Tuning
from ltxserve.engine.engine import BackendMaker, Engine
from ltxserve.engine.warming import warm_sizes
from ltxserve.errors import ConfigurationError, LtxserveError, ModelUnavailable, RequestRefused
from ltxserve.runpod.handler import Worker, choose_send
from ltxserve.runpod.leaving import Leaving, die_together
from ltxserve.runpod.local import Saving
from ltxserve.runpod.making import Maker, Workshop
from ltxserve.runpod.outputs import Outputs
from ltxserve.runpod.pooled import Pooled
from ltxserve.service.scratch import Scratch, sweep
from ltxserve.settings import Settings, load_settings
from ltxserve.storage.base import ArtifactStore
from ltxserve.storage.create import StoreConfig, create_store
from ltxserve.types import GenerationRequest

_DTYPES = {"bf16": "bfloat16", "fp16": "float16", "half": "float16", "fp32": "float32"}
log = logging.getLogger(__name__)


def main(words: list[str] | None = None, create: BackendMaker = create_backend) -> int:
    """Start the worker, or do one local job; the exit code where the SDK gives none.

    create: loads a model; tests pass in another one.
    """
    options, rest = _options().parse_known_args(sys.argv[1:] if words is None else words)
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s"
    )
    for noisy in ("httpx", "httpcore", "urllib3", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    try:
        _check_sdk()
        worker = create_worker(load_settings(), create, options.save)
    except LtxserveError as error:
        log.error("the worker cannot start: %s: %s", error.code, error)
        return 1
    sys.argv = [sys.argv[0], *rest]
    serve(worker)
    return 0


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ltxserve.runpod",
        description="A RunPod Serverless worker. Outside of RunPod it does one job and ends: "
        "--test_input JSON, or test_input.json in this folder. The SDK's other options apply too.",
        allow_abbrev=False,
    )
    parser.add_argument("--save", type=Path, help="Write the clip of a local job to this file.")
    return parser


def _check_sdk() -> None:
    """Before a model is loaded for nothing: the SDK itself takes seconds to import."""
    if importlib.util.find_spec("runpod") is None:
        raise ConfigurationError(
            "backend_missing",
            "The package runpod is not installed.",
            "pip install 'ltxserve[engine,server,runpod]'",
        )


def create_worker(settings: Settings, create: BackendMaker, save: Path | None = None) -> Worker:
    """A worker whose model is loaded and warm. Raises ConfigurationError, ModelUnavailable,
    OutOfMemory and what else keeps a model from making its first clip.
    """
    begun = time.monotonic()
    catalog = load_catalog(settings.prices_file, settings.adapters_file)
    spec = chosen_model(settings, catalog)
    places = Places(configured=settings.models)
    ensure_weights(spec, places, settings)
    engine = Engine(placement_of(settings), catalog, create)
    warm_up(engine, spec)
    log.info("%s is ready after %.1f s", spec.name, time.monotonic() - begun)
    sweep()
    scratch, stored = Scratch(), stored_where(settings)
    store = open_store(stored)
    shop = Workshop(
        engine=engine,
        outputs=Outputs(store, settings.supabase_signed_url_ttl_seconds, fetch_rules(settings)),
        scratch=scratch,
        model=spec.name,
        revision=functools.cache(lambda name: revision_of(catalog.model(name), places)),
        rules=fetch_rules(settings),
        limits=media_limits(settings),
    )
    worker = Worker(
        Maker(shop, Pooled(engine, store, fetch_rules(settings), scratch)),
        choose_send(),
        Leaving(busy=jobs_in_hand, grace=settings.shutdown_seconds, tidy=scratch.close),
    )
    worker.leaving.give_up = worker.give_up
    if save is not None:
        worker.make = Saving(worker.make, save)
    return worker


def serve(worker: Worker) -> None:
    """Take jobs until we are told to end, or do the one local job; both may end the process."""
    # Its own default prints every result: links, base64 and prompts.
    os.environ.setdefault("RUNPOD_DEBUG_LEVEL", "INFO")
    die_together()
    import runpod.serverless

    worker.config.update(handler=worker.handle, concurrency_modifier=worker.leaving.take)
    try:
        runpod.serverless.start(worker.config)
    finally:
        worker.leaving.tidy()


def jobs_in_hand() -> bool:
    """Whether the SDK has a job that was not answered yet."""
    from runpod.serverless.modules.worker_state import JobsProgress

    return JobsProgress().get_job_count() > 0


def chosen_model(settings: Settings, catalog: Catalog) -> ModelSpec:
    """The model to load: MODEL_NAME as a name, an alias or a repository, else default_model.

    Raises LtxserveError `unknown_model`, ModelUnavailable `not_yet_in_this_build`.
    """
    name = settings.worker_model.strip()
    spec = _of_repository(catalog, name) or catalog.model(name or settings.default_model)
    if not spec.runs:
        raise ModelUnavailable(
            "not_yet_in_this_build",
            f"{spec.name} cannot run in this build: {spec.reason or 'its pipeline is not there'}",
            "Set MODEL_NAME to a model that `ltxserve models` shows as one that runs.",
            "MODEL_NAME",
        )
    return spec


def _of_repository(catalog: Catalog, name: str) -> ModelSpec | None:
    """The model of a Hugging Face repository; of several, the first that runs."""
    if "/" not in name:
        return None
    same = [
        spec
        for spec in catalog.models.values()
        if name.lower() in (spec.repo.lower(), spec.diffusers_repo.lower())
    ]
    return next((spec for spec in same if spec.runs), same[0] if same else None)


def placement_of(settings: Settings) -> Placement:
    """Where the model runs: DEVICE and DTYPE, else the common settings.

    Raises ConfigurationError `settings_invalid`.
    """
    device = settings.worker_device.strip().lower().partition(":")[0] or settings.device
    dtype = settings.worker_dtype.strip().lower().removeprefix("torch.") or settings.dtype
    dtype = _DTYPES.get(dtype, dtype)
    for name, value, known in (("DEVICE", device, DeviceChoice), ("DTYPE", dtype, DtypeChoice)):
        if value not in get_args(known):
            raise ConfigurationError(
                "settings_invalid",
                f"{name} cannot be {value[:40]}.",
                f"Use one of {', '.join(get_args(known))}.",
                name,
            )
    common = Placement(models_dir=settings.models, tuning=Tuning.of(settings.tuning))
    return dataclasses.replace(common, **{"device": device, "dtype": dtype})


def ensure_weights(spec: ModelSpec, places: Places, settings: Settings) -> None:
    """Find the model's files on a volume or in a cache; fetch what is missing, where that is
    allowed. Raises ModelUnavailable.
    """
    located = locate(spec, places)
    for need, path in located.found.items():
        log.info("found %s at %s", need.name, path)
    if not located.blocking:
        return
    if settings.offline:
        raise offline(f"{spec.name} ({located.blocking[0].name})")
    log.warning("fetching %s into %s: every cold start pays for this", spec.name, places.target())
    accepted = tuple(word.strip() for word in settings.accept_licences.split(",") if word.strip())
    told: set[tuple[str, str]] = set()

    def watch(at: Pulling) -> None:
        if (at.file, at.state) not in told:
            told.add((at.file, at.state))
            log.info("%s %s", at.state, at.file)

    token = settings.hf_token.get_secret_value() if settings.hf_token is not None else None
    pull(Wish(spec, only_needed=True, accepted=accepted), places, Hub(token=token), watch)


def revision_of(spec: ModelSpec, places: Places) -> str:
    """Which weights these are: the commit of a cached copy, else what the catalog calls them."""
    if spec.weights:
        return f"ltxserve-{__version__}"
    for path in locate(spec, places).found.values():
        parts = path.parts
        if "snapshots" in parts:
            return parts[parts.index("snapshots") + 1]
    return f"{spec.repo}@{spec.version}"


def warm_up(engine: Engine, spec: ModelSpec) -> None:
    """Load the model and make the sizes that LTXSERVE_WARMUP names, or the smallest clip there is,
    so that no caller waits for kernels.
    """
    engine.backend(spec.name)
    if engine.placement.tuning.warm_up:
        warm_sizes(engine, spec.name)
        return
    limits = spec.limits
    side = -(-max(limits.min_side, 64) // limits.two_stage_multiple) * limits.two_stage_multiple
    smallest = GenerationRequest(
        prompt="warm-up",
        model=spec.name,
        width=side,
        height=side,
        num_frames=max(9, limits.min_frames),
        num_inference_steps=2,
        seed=0,
    )
    try:
        engine.generate(smallest)
    except RequestRefused as refused:  # a model of other limits is warm enough once it is loaded
        log.warning("no warm-up: %s", refused)


def stored_where(settings: Settings) -> StoreConfig:
    """The store of the settings; a Supabase project that is named is one, without a further word.

    Links to local files need a server, which a worker is not, so their secret does not matter.
    """
    config = store_config(settings, secret="a worker gives no links to local files")
    if settings.store == "local" and settings.supabase_url:
        return dataclasses.replace(config, url="supabase")
    return config


def open_store(config: StoreConfig) -> ArtifactStore | None:
    """The store, where others can read what is put there. Raises ConfigurationError."""
    remote = config.url == "supabase" or "://" in config.url
    return create_store(config) if remote else None
