"""The only reader of the environment: LTXSERVE_* and the Hugging Face names; knows no feature."""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from ltxserve.errors import ConfigurationError

PREFIX = "LTXSERVE_"


class Settings(BaseSettings):
    """What the operator decides; each field is LTXSERVE_<NAME> unless it has a name of its own.

    device: auto takes CUDA, then MPS, then the CPU.
    dtype: auto takes what the device is good at (bfloat16 on CUDA, float32 on a CPU).
    attention: what attends in transformers: auto (the quickest here), sdpa, cudnn, flash3, sage.
    compile: off, blocks (through torch.compile), graphs (those, replayed as CUDA graphs).
    compile_cache: folder of what was compiled; default: .compiled, beside the models.
    warmup: sizes that a worker makes once when it starts: 1280x704x121, with commas between.
    models: folder of model weights; pulled ones go there, and it is looked into first.
    offline: never download; files that are missing are an error.
    accept_licences: licences of weights that are accepted without asking, with commas between.
    data_dir: folder of what the service keeps: database, files, secret.
    database_url: sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME; default: in data_dir.
    secret_key: what key digests and links are made with; default: made once, in data_dir.
    prices_file: an operator's own price lists, in the form of the package's prices.toml.
    adapters_file: an operator's own adapters, in the form of the package's loras.toml.
    host, port: where the HTTP service listens.
    require_keys: ask for API keys on loopback too; elsewhere they are always asked for.
    default_model: serves callers of other services' APIs who name no model that runs here.
    model_aliases: names of other services' models, as sora-2=tiny, with commas between.
    public_url: what links to files begin with, where clients see another address than host:port.
    store: where files are kept: local (in data_dir), a folder, s3://BUCKET/PREFIX or supabase.
    s3_endpoint, s3_region: of an S3-compatible server.
    s3_public_endpoint: where links to it lead, if clients reach it by another address.
    s3_access_key_id: its key; without one, the usual AWS_* names and places are looked at.
    s3_secret_access_key: the key's secret half; never shown.
    upload_hours: how long what callers give (uploads, and files at their URLs) is kept.
    max_image_mib: how large a given picture's file may be.
    max_video_mib: how large a given video's file may be.
    max_audio_mib: how large a given sound's file may be.
    max_megapixels: how many pixels a given picture or frame may have.
    max_input_seconds: how long a given video or sound may play.
    fetch_seconds: how long fetching one URL may take.
    pool: who generates: local (a process per GPU, or one on the CPU), ray://... or runpod://...
    open_networks: private networks that URLs of callers may lead to, as CIDR with commas between.
    open_ports: ports that URLs of callers may name, with commas between.
    retention_hours: how long results are kept.
    job_seconds: how long an attempt of a job may run, unless the job says otherwise.
    queue_hours: how long a job may wait.
    start_seconds: how long a worker may take to its first sign, its model loading included.
    silence_seconds: how long a running job may give no sign before its worker counts as lost.
    shutdown_seconds: how long running jobs may finish when the service is told to end.
    server: address of the service that `ltxserve jobs` talks to.
    api_key: the key that `ltxserve jobs` shows to it.
    hf_home: the Hugging Face folder; its hub/ holds the cache unless hf_hub_cache says otherwise.
    hf_hub_cache: the Hugging Face cache of models.
    hf_token: the token that gated repositories ask for; never shown.
    supabase_url, supabase_service_role_key, supabase_bucket: the project that files go to.
    supabase_prefix: what their paths begin with. supabase_public: whether the bucket is public.
    supabase_signed_url_ttl_seconds: how long links to a private bucket hold.
    runpod_api_key: for a pool at runpod://...; never shown.
    worker_model: of a RunPod worker, by name, alias or repository; default: default_model.
    worker_device: of a RunPod worker, in place of device.
    worker_dtype: of a RunPod worker, in place of dtype; bf16, fp16 and fp32 are understood too.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="ignore", frozen=True
    )

    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    attention: Literal["auto", "sdpa", "cudnn", "flash3", "sage"] = "auto"
    compile: Literal["off", "blocks", "graphs"] = "off"
    compile_cache: Path | None = None
    warmup: str = ""
    models: Path | None = None
    offline: bool = False
    accept_licences: str = ""
    data_dir: Path = Path("~/.local/share/ltxserve")
    database_url: SecretStr | None = None
    secret_key: SecretStr | None = None
    prices_file: Path | None = None
    adapters_file: Path | None = None
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    require_keys: bool = False
    default_model: str = "tiny"
    model_aliases: str = ""
    public_url: str = ""
    store: str = "local"
    s3_endpoint: str = ""
    s3_public_endpoint: str = ""
    s3_region: str = ""
    s3_access_key_id: str = ""
    s3_secret_access_key: SecretStr | None = None
    upload_hours: float = Field(default=168.0, gt=0)
    max_image_mib: int = Field(default=20, ge=1)
    max_video_mib: int = Field(default=512, ge=1)
    max_audio_mib: int = Field(default=64, ge=1)
    max_megapixels: int = Field(default=40, ge=1, le=64)
    max_input_seconds: float = Field(default=600.0, gt=0)
    fetch_seconds: float = Field(default=60.0, gt=0)
    pool: str = "local"
    open_networks: str = ""
    open_ports: str = "80,443"
    retention_hours: float = Field(default=72.0, gt=0)
    job_seconds: float = Field(default=3600.0, gt=0)
    queue_hours: float = Field(default=24.0, gt=0)
    start_seconds: float = Field(default=1800.0, gt=0)
    silence_seconds: float = Field(default=300.0, gt=0)
    shutdown_seconds: float = Field(default=30.0, ge=0)
    server: str = "http://127.0.0.1:8000"
    api_key: SecretStr | None = None
    hf_home: Path | None = Field(default=None, validation_alias="HF_HOME")
    hf_hub_cache: Path | None = Field(default=None, validation_alias="HF_HUB_CACHE")
    hf_token: SecretStr | None = Field(default=None, validation_alias="HF_TOKEN")
    supabase_url: str = Field(default="", validation_alias="SUPABASE_URL")
    supabase_service_role_key: SecretStr | None = Field(
        default=None, validation_alias="SUPABASE_SERVICE_ROLE_KEY"
    )
    supabase_bucket: str = Field(default="", validation_alias="SUPABASE_BUCKET")
    supabase_prefix: str = Field(default="", validation_alias="SUPABASE_PREFIX")
    supabase_public: bool = Field(default=False, validation_alias="SUPABASE_PUBLIC")
    supabase_signed_url_ttl_seconds: int = Field(
        default=86400, ge=1, le=7 * 86400, validation_alias="SUPABASE_SIGNED_URL_TTL_SECONDS"
    )
    runpod_api_key: SecretStr | None = Field(default=None, validation_alias="RUNPOD_API_KEY")
    worker_model: str = Field(default="", validation_alias="MODEL_NAME")
    worker_device: str = Field(default="", validation_alias="DEVICE")
    worker_dtype: str = Field(default="", validation_alias="DTYPE")

    @property
    def folder(self) -> Path:
        """data_dir with ~ resolved."""
        return self.data_dir.expanduser()

    @property
    def tuning(self) -> dict[str, str]:
        """What makes models quicker, in words that go through JSON."""
        cache = str(self.compile_cache.expanduser()) if self.compile_cache else ""
        return {
            "attention": self.attention,
            "compile": self.compile,
            "compile_cache": cache,
            "warmup": self.warmup,
        }

    @property
    def licences(self) -> tuple[str, ...]:
        """The names in accept_licences."""
        return tuple(word.strip() for word in self.accept_licences.split(",") if word.strip())

    @property
    def database(self) -> str:
        """The database's URL; may hold a password."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{self.folder / 'ltxserve.db'}"


def known_keys() -> tuple[str, ...]:
    """Every environment variable that is read, as it is written."""
    return tuple(
        str(field.validation_alias or PREFIX + name.upper())
        for name, field in Settings.model_fields.items()
    )


def load_settings() -> Settings:
    """Read the environment once.

    Raises ConfigurationError `unknown_setting` for an LTXSERVE_* key that is not a setting, and
    `settings_invalid` for a value that cannot be used.
    """
    known = known_keys()
    for key in sorted(os.environ):
        if key.upper().startswith(PREFIX) and key.upper() not in known:
            raise ConfigurationError(
                "unknown_setting", f"{key} is not a setting.", _nearest(key.upper(), known), key
            )
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        name = str(first["loc"][0])
        key = name if name in known else PREFIX + name.upper()
        raise ConfigurationError(
            "settings_invalid",
            f"{key} cannot be used: {first['msg']}.",
            f"Correct {key} or unset it.",
            key,
        ) from None


def _nearest(key: str, known: tuple[str, ...]) -> str:
    ours = [name for name in known if name.startswith(PREFIX)]
    near = difflib.get_close_matches(key, ours, n=1)
    return f"Did you mean {near[0]}?" if near else f"Known settings: {', '.join(ours)}."
