"""Settings come from the environment, and from nowhere unknown."""

import os
import re
from pathlib import Path

import pytest

from ltxserve.errors import ConfigurationError
from ltxserve.settings import known_keys, load_settings


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch):
    for key in list(os.environ):
        if key.startswith(("LTXSERVE_", "HF_", "SUPABASE_", "RUNPOD_")):
            monkeypatch.delenv(key)


def test_licences_are_a_list(monkeypatch: pytest.MonkeyPatch):
    assert load_settings().licences == ()
    monkeypatch.setenv("LTXSERVE_ACCEPT_LICENCES", "ltx-2-community, all,")
    assert load_settings().licences == ("ltx-2-community", "all")


def test_defaults_need_no_environment():
    settings = load_settings()
    assert (settings.device, settings.dtype, settings.offline) == ("auto", "auto", False)


def test_values_are_read(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LTXSERVE_DEVICE", "cpu")
    monkeypatch.setenv("LTXSERVE_MODELS", "/data/models")
    monkeypatch.setenv("LTXSERVE_OFFLINE", "true")
    monkeypatch.setenv("HF_HUB_CACHE", "/data/hub")
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    settings = load_settings()
    assert settings.device == "cpu"
    assert settings.offline
    assert (settings.models, settings.hf_hub_cache) == (Path("/data/models"), Path("/data/hub"))
    assert settings.hf_token is not None
    assert "hf_secret" not in repr(settings)


def test_an_empty_value_is_no_value(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LTXSERVE_DEVICE", "")
    assert load_settings().device == "auto"


def test_an_unknown_key_is_refused_with_the_nearest_name(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LTXSERVE_DEVCE", "cuda")
    with pytest.raises(ConfigurationError) as error:
        load_settings()
    assert error.value.code == "unknown_setting"
    assert error.value.hint == "Did you mean LTXSERVE_DEVICE?"


def test_a_bad_value_names_its_key(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LTXSERVE_DTYPE", "float7")
    with pytest.raises(ConfigurationError) as error:
        load_settings()
    assert (error.value.code, error.value.field) == ("settings_invalid", "LTXSERVE_DTYPE")


def test_known_keys_are_the_documented_ones():
    page = (Path(__file__).parents[2] / "docs/reference/settings.md").read_text("utf-8")
    assert set(re.findall(r"(?m)^\| `([A-Z0-9_]+)` \|", page)) == set(known_keys())


def test_names_that_others_fixed_are_known():
    fixed = ("URL", "SERVICE_ROLE_KEY", "BUCKET", "PREFIX", "PUBLIC", "SIGNED_URL_TTL_SECONDS")
    assert {f"SUPABASE_{name}" for name in fixed} <= set(known_keys())
    assert {"HF_HOME", "HF_HUB_CACHE", "HF_TOKEN", "RUNPOD_API_KEY"} <= set(known_keys())


def test_no_secret_is_shown(monkeypatch: pytest.MonkeyPatch):
    for key in ("SUPABASE_SERVICE_ROLE_KEY", "LTXSERVE_S3_SECRET_ACCESS_KEY", "HF_TOKEN"):
        monkeypatch.setenv(key, "hush")
    assert "hush" not in repr(load_settings())


def test_the_database_is_in_the_data_folder_unless_it_has_a_url(monkeypatch: pytest.MonkeyPatch):
    home = Path("~").expanduser()
    assert load_settings().folder == home / ".local/share/ltxserve"
    monkeypatch.setenv("LTXSERVE_DATA_DIR", "/data/ltxserve")
    assert load_settings().database == "sqlite:////data/ltxserve/ltxserve.db"
    monkeypatch.setenv("LTXSERVE_DATABASE_URL", "postgresql://me:hunter2@host/name")
    settings = load_settings()
    assert settings.database == "postgresql://me:hunter2@host/name"
    assert "hunter2" not in repr(settings)


def test_the_secret_is_never_shown(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LTXSERVE_SECRET_KEY", "s" * 64)
    settings = load_settings()
    assert settings.secret_key is not None
    assert "s" * 64 not in repr(settings)
