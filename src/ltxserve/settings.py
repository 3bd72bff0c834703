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
    models_dir: folder of model weights besides the Hugging Face cache.
    offline: never download; files that are missing are an error.
    data_dir: folder of what the service keeps: database, files, secret.
    database_url: sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME; default: in data_dir.
    secret_key: what key digests and links are made with; default: made once, in data_dir.
    prices_file: an operator's own price lists, in the form of the package's prices.toml.
    hf_home: the Hugging Face folder; its hub/ holds the cache unless hf_hub_cache says otherwise.
    hf_hub_cache: the Hugging Face cache of models.
    hf_token: the token that gated repositories ask for; never shown.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="ignore", frozen=True
    )

    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    models_dir: Path | None = None
    offline: bool = False
    data_dir: Path = Path("~/.local/share/ltxserve")
    database_url: SecretStr | None = None
    secret_key: SecretStr | None = None
    prices_file: Path | None = None
    hf_home: Path | None = Field(default=None, validation_alias="HF_HOME")
    hf_hub_cache: Path | None = Field(default=None, validation_alias="HF_HUB_CACHE")
    hf_token: SecretStr | None = Field(default=None, validation_alias="HF_TOKEN")

    @property
    def folder(self) -> Path:
        """data_dir with ~ resolved."""
        return self.data_dir.expanduser()

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
