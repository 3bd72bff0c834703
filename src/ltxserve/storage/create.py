"""Makes the store that a configuration names; implementations are imported when they are chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ltxserve.errors import ConfigurationError
from ltxserve.storage.base import ArtifactStore


@dataclass(frozen=True)
class S3Access:
    """How an S3-compatible server is reached; what is empty comes from the usual AWS places."""

    endpoint: str = ""
    region: str = ""
    access_key_id: str = ""
    secret_access_key: str = field(default="", repr=False)
    session_token: str = field(default="", repr=False)


@dataclass(frozen=True)
class SupabaseAccess:
    """How a Supabase project is reached. public: the bucket is, so links need no signature."""

    url: str = ""
    service_role_key: str = field(default="", repr=False)
    bucket: str = ""
    prefix: str = ""
    public: bool = False


@dataclass(frozen=True)
class StoreConfig:
    """Which store, and how. Plain values, so that it travels to workers as JSON.

    url: `local` (files in `folder`), a path, `s3://BUCKET/PREFIX`, or `supabase`.
    secrets: sign local links, oldest first. public_url: what local links begin with.
    """

    url: str = "local"
    folder: str = ""
    secrets: tuple[str, ...] = field(default=(), repr=False)
    public_url: str = ""
    s3: S3Access = S3Access()
    supabase: SupabaseAccess = SupabaseAccess()

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> StoreConfig:
        """The configuration that `dataclasses.asdict` and JSON have carried."""
        return cls(
            **{
                **data,
                "secrets": tuple(data["secrets"]),
                "s3": S3Access(**data["s3"]),
                "supabase": SupabaseAccess(**data["supabase"]),
            }
        )


def create_store(config: StoreConfig) -> ArtifactStore:
    """The store of a configuration, not contacted yet.

    Raises ConfigurationError `settings_invalid` for what cannot be a store, `backend_missing`
    where its package is not installed.
    """
    scheme, found, _ = config.url.partition("://")
    kind = scheme if found else "supabase" if config.url == "supabase" else "local"
    try:
        if kind == "local":
            return _local(config)
        raise _invalid(f"{config.url!r} is not a store that is known.")
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            "backend_missing",
            f"The store needs the package {error.name}.",
            "pip install 'ltxserve[server]'",
        ) from error


def _local(config: StoreConfig) -> ArtifactStore:
    from ltxserve.storage.links import Links
    from ltxserve.storage.local import LocalStore

    folder = config.folder if config.url in ("", "local") else config.url
    if not folder:
        raise _invalid("No folder is named for the stored files.")
    if not config.secrets:
        raise _invalid("Links to local files need a secret.")
    path = Path(folder).expanduser()
    return LocalStore(path, Links(config.secrets), config.public_url)


def _invalid(message: str) -> ConfigurationError:
    return ConfigurationError(
        "settings_invalid",
        message,
        "LTXSERVE_STORE takes local, a folder, s3://BUCKET/PREFIX or supabase.",
        "LTXSERVE_STORE",
    )
