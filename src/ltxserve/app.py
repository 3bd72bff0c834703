"""The composition root of the service: settings in, a wired App out; the only place that knows
every concrete class. Decides nothing while it runs.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import partial
from typing import Literal

from pydantic import SecretStr

from ltxserve.accounts.accounts import LOCAL, Account, get_account
from ltxserve.accounts.keys import Keys
from ltxserve.accounts.secret import derive, load_secret
from ltxserve.catalog import Catalog, load_catalog
from ltxserve.db.database import Database
from ltxserve.jobs.engine import Enqueuer, migrate
from ltxserve.jobs.lock import create_lock
from ltxserve.jobs.webhooks import Deliverer
from ltxserve.media.examine import MediaLimits
from ltxserve.media.fetch import FetchRules
from ltxserve.media.post import post
from ltxserve.pool.base import GpuPool, Patience, WorkerSpec
from ltxserve.pool.create import create_pool
from ltxserve.service.charging import Charging
from ltxserve.service.endings import Endings
from ltxserve.service.generations import Generations
from ltxserve.service.housekeeping import Housekeeping
from ltxserve.service.inputs import Inputs
from ltxserve.service.orchestrator import Orchestrator, Rhythm
from ltxserve.service.placing import Placing
from ltxserve.service.running import Bench
from ltxserve.service.signals import Signals
from ltxserve.service.stitching import Stitches
from ltxserve.service.uploads import Uploads
from ltxserve.service.watch import RunLimits
from ltxserve.settings import Settings
from ltxserve.storage.base import ArtifactStore
from ltxserve.storage.create import S3Access, StoreConfig, SupabaseAccess, create_store

Role = Literal["all", "api", "orchestrator"]
RENDERER = "ltxserve.service.rendering:create_renderer"
"""What workers run: it loads the model, so only its name is known here."""


@dataclass(frozen=True)
class Tuning:
    """What tests and benchmarks set otherwise; None = as the settings say.

    entry: what workers run, see pool/base.py. devices: one worker each; none = what is here.
    """

    entry: str = RENDERER
    devices: tuple[str, ...] = ()
    limits: RunLimits | None = None
    rhythm: Rhythm | None = None
    patience: Patience | None = None


@dataclass(frozen=True)
class App:
    """The running service without its HTTP. pool, orchestrator: None in the role `api`."""

    settings: Settings
    catalog: Catalog
    database: Database
    enqueuer: Enqueuer
    store: ArtifactStore
    keys: Keys
    signals: Signals
    generations: Generations
    stitches: Stitches
    uploads: Uploads
    inputs: Inputs
    pool: GpuPool | None
    orchestrator: Orchestrator | None

    def start(self) -> None:
        """Begin to run jobs, where that is this process's role; returns at once."""
        if self.orchestrator is not None:
            self.orchestrator.start()

    def close(self, grace: float | None = None) -> None:
        """Let running jobs finish for `grace` seconds (None = the setting), then let all go."""
        if self.orchestrator is not None:
            self.orchestrator.close(grace)
        if self.pool is not None:
            self.pool.close()
        self.enqueuer.close()
        self.store.close()
        self.database.close()

    def local_account(self) -> Account:
        """Who callers without a key are, where that is allowed."""
        with self.database.read() as conn:
            return get_account(conn, LOCAL)


def create_app(
    settings: Settings,
    role: Role = "all",
    tuning: Tuning = Tuning(),
) -> App:
    """Wire the service: tables brought up to date, workers started (they load while we go on).

    Raises ConfigurationError for settings that cannot be used, DatabaseUnavailable.
    """
    secret = load_secret(settings.folder, shown(settings.secret_key) or None)
    catalog = load_catalog(settings.prices_file, settings.adapters_file)
    database = Database(settings.database)
    database.upgrade()
    migrate(database)
    stored = store_config(settings, secret)
    store, signals, enqueuer = create_store(stored), Signals(), Enqueuer(database)
    endings = Endings(enqueuer, settings.retention_hours * 3600, Charging(catalog))
    uploads = Uploads(database, store, media_limits(settings), settings.upload_hours * 3600)
    inputs = Inputs(uploads, fetch_rules(settings))
    placing = Placing(database, enqueuer, signals)
    generations = Generations(database, placing, catalog, store, inputs, endings, signals)
    pool = orchestrator = None
    if role != "api":
        pool = _pool(settings, stored, tuning)
        bench = Bench(
            database,
            pool,
            store,
            endings,
            signals,
            tuning.limits or run_limits(settings),
            outlives=settings.pool != "local",
        )
        orchestrator = Orchestrator(
            database,
            bench,
            Deliverer(database, enqueuer, partial(post, rules=fetch_rules(settings))),
            Housekeeping(
                database,
                enqueuer,
                endings,
                generations,
                settings.queue_hours * 3600,
                (uploads.sweep,),
            ),
            create_lock(database),
            tuning.rhythm or Rhythm(grace=settings.shutdown_seconds),
        )
    return App(
        settings=settings,
        catalog=catalog,
        database=database,
        enqueuer=enqueuer,
        store=store,
        keys=Keys(derive(secret, "api keys")),
        signals=signals,
        generations=generations,
        stitches=Stitches(placing, inputs),
        uploads=uploads,
        inputs=inputs,
        pool=pool,
        orchestrator=orchestrator,
    )


def store_config(settings: Settings, secret: str) -> StoreConfig:
    """Where files are kept, as the settings say."""
    return StoreConfig(
        url=settings.store,
        folder=str(settings.folder / "files"),
        secrets=(derive(secret, "links").hex(),),
        public_url=settings.public_url,
        s3=S3Access(
            endpoint=settings.s3_endpoint,
            region=settings.s3_region,
            access_key_id=settings.s3_access_key_id,
            secret_access_key=shown(settings.s3_secret_access_key),
            public_endpoint=settings.s3_public_endpoint,
        ),
        supabase=SupabaseAccess(
            url=settings.supabase_url,
            service_role_key=shown(settings.supabase_service_role_key),
            bucket=settings.supabase_bucket,
            prefix=settings.supabase_prefix,
            public=settings.supabase_public,
        ),
    )


def worker_config(settings: Settings, stored: StoreConfig) -> str:
    """What a worker needs to know, as JSON: it reads no settings of its own."""
    return json.dumps(
        {
            "device": settings.device,
            "dtype": settings.dtype,
            "models_dir": str(settings.models) if settings.models else None,
            "adapters": str(settings.adapters_file) if settings.adapters_file else None,
            "store": asdict(stored),
            "fetch": asdict(fetch_rules(settings)),
            "tuning": settings.tuning,
        }
    )


def fetch_rules(settings: Settings) -> FetchRules:
    """Where URLs of callers may lead."""
    return FetchRules(
        networks=tuple(_words(settings.open_networks)),
        ports=tuple(int(port) for port in _words(settings.open_ports)),
        max_bytes=media_limits(settings).max_any_bytes,
        total_seconds=settings.fetch_seconds,
    )


def media_limits(settings: Settings) -> MediaLimits:
    """How much of what callers give is taken."""
    return MediaLimits(
        max_image_bytes=settings.max_image_mib * 2**20,
        max_video_bytes=settings.max_video_mib * 2**20,
        max_audio_bytes=settings.max_audio_mib * 2**20,
        max_pixels=settings.max_megapixels * 1_000_000,
        max_seconds=settings.max_input_seconds,
    )


def shown(secret: SecretStr | None) -> str:
    """A secret as text, "" for none."""
    return secret.get_secret_value() if secret is not None else ""


def run_limits(settings: Settings) -> RunLimits:
    """How patient runs are, as the settings say; a pool that is asked over HTTP, less often."""
    return RunLimits(
        pace=0.5 if settings.pool.startswith("runpod") else RunLimits.pace,
        start=settings.start_seconds,
        silence=settings.silence_seconds,
        total=settings.job_seconds,
    )


def _pool(settings: Settings, stored: StoreConfig, tuning: Tuning) -> GpuPool:
    devices = tuning.devices or _devices(settings)
    return create_pool(
        settings.pool,
        WorkerSpec(tuning.entry, worker_config(settings, stored), devices),
        tuning.patience,
        secret=shown(settings.runpod_api_key),
        folder=settings.folder,
    )


def _devices(settings: Settings) -> tuple[str, ...]:
    """Where workers run, if that is not for the pool to find out: CUDA is, one worker per GPU."""
    return (settings.device,) if settings.device in ("cpu", "mps") else ()


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]
