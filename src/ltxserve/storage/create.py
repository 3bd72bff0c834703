"""Makes the store that a configuration names; implementations are imported when they are chosen."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ltxserve.errors import ConfigurationError, StorageError
from ltxserve.storage.base import ArtifactStore, check_key
from ltxserve.storage.names import is_bucket

_URL = re.compile(r"https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:]+\])(:\d+)?(/[!-~]*)?")
_STORES = "LTXSERVE_STORE takes local, a folder, s3://BUCKET/PREFIX or supabase."
_KEY = re.compile(r"[!-~]+")


@dataclass(frozen=True)
class S3Access:
    """How an S3-compatible server is reached; what is empty comes from the usual AWS places.

    public_endpoint: how callers reach it, where that is another address.
    """

    endpoint: str = ""
    region: str = ""
    access_key_id: str = ""
    secret_access_key: str = field(default="", repr=False)
    session_token: str = field(default="", repr=False)
    public_endpoint: str = ""


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
    makers = {"local": _local, "s3": _s3, "supabase": _supabase}
    if kind not in makers:
        raise _invalid(f"{kind}:// is not a kind of store that is known.")
    try:
        return makers[kind](config)
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


def _s3(config: StoreConfig) -> ArtifactStore:
    from ltxserve.storage.s3 import S3Place, S3Store

    bucket, _, prefix = config.url.removeprefix("s3://").partition("/")
    if not is_bucket(bucket):
        raise _invalid("s3:// is followed by no name of a bucket.")
    _check_prefix(prefix, "LTXSERVE_STORE")
    access = config.s3
    for name in ("endpoint", "public_endpoint"):
        # obstore does not raise for such a URL, but panics, past every `except Exception`.
        if getattr(access, name):
            _check_url(getattr(access, name), f"LTXSERVE_S3_{name.upper()}")
    for name in ("region", "access_key_id", "secret_access_key"):
        if getattr(access, name):
            _check_key(getattr(access, name), f"LTXSERVE_S3_{name.upper()}")
    if bool(access.access_key_id) != bool(access.secret_access_key):
        raise _invalid("An S3 access key has two parts, and one is missing.")
    return S3Store(S3Place(bucket, prefix, **asdict(access)))


def _supabase(config: StoreConfig) -> ArtifactStore:
    from ltxserve.storage.supabase import SupabasePlace, SupabaseStore

    access = config.supabase
    missing = [name for name in ("url", "service_role_key", "bucket") if not getattr(access, name)]
    if missing:
        names = ", ".join(f"SUPABASE_{name.upper()}" for name in missing)
        raise _invalid(f"The store supabase needs {names}.")
    _check_url(access.url, "SUPABASE_URL")
    _check_key(access.service_role_key, "SUPABASE_SERVICE_ROLE_KEY")
    _check_prefix(access.prefix, "SUPABASE_PREFIX")
    return SupabaseStore(SupabasePlace(**asdict(access)))


def _check_url(url: str, name: str) -> None:
    try:
        is_url = _URL.fullmatch(url) is not None and urlsplit(url).port != 0
    except ValueError:  # no address in the brackets, or a port above all
        is_url = False
    if not is_url:
        raise _invalid(f"{name} is no http(s) URL.", name, "Give it as https://HOST[:PORT].")


def _check_key(key: str, name: str) -> None:
    if not _KEY.fullmatch(key):
        raise _invalid(
            f"{name} has a space or another character that does not belong there.",
            name,
            "Copy it again, without a line break at its end.",
        )


def _check_prefix(prefix: str, name: str) -> None:
    try:
        if prefix.strip("/"):
            check_key(prefix.strip("/"))
    except StorageError as error:
        raise _invalid(f"{name} has a prefix that cannot be used.", name) from error


def _invalid(
    message: str, field: str = "LTXSERVE_STORE", hint: str = _STORES
) -> ConfigurationError:
    return ConfigurationError("settings_invalid", message, hint, field)
