"""One setting chooses the store; what cannot be one is said before anything is served."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from ltxserve.errors import ConfigurationError
from ltxserve.storage.create import S3Access, StoreConfig, SupabaseAccess, create_store
from ltxserve.storage.local import LocalStore

LOCAL = StoreConfig(secrets=("s",), public_url="http://host")


def test_local(tmp_path: Path):
    for config in (
        replace(LOCAL, folder=str(tmp_path)),
        replace(LOCAL, url=str(tmp_path)),
    ):
        store = create_store(config)
        assert isinstance(store, LocalStore)
        assert store.path("a") == tmp_path / "a"
        assert store.url("a", 60).startswith("http://host/files/")


@pytest.mark.parametrize(
    "config",
    [LOCAL, StoreConfig(folder="x"), replace(LOCAL, url="ftp://x"), replace(LOCAL, url="gs://b")],
)
def test_refused(config: StoreConfig):
    with pytest.raises(ConfigurationError) as caught:
        create_store(config)
    assert (caught.value.code, caught.value.field) == ("settings_invalid", "LTXSERVE_STORE")


def test_travels_as_json():
    config = StoreConfig(
        "s3://b/p", secrets=("a",), s3=S3Access("e"), supabase=SupabaseAccess("u", public=True)
    )
    assert StoreConfig.from_dict(json.loads(json.dumps(asdict(config)))) == config


def test_secrets_are_not_shown():
    config = StoreConfig(
        secrets=("hush1",),
        s3=S3Access(secret_access_key="hush2", session_token="hush3"),
        supabase=SupabaseAccess(service_role_key="hush4"),
    )
    assert "hush" not in repr(config)
