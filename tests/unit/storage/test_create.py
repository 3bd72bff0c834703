"""One setting chooses the store; what cannot be one is said before anything is served."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from ltxserve.errors import ConfigurationError
from ltxserve.settings import known_keys
from ltxserve.storage.create import S3Access, StoreConfig, SupabaseAccess, create_store
from ltxserve.storage.local import LocalStore

PROJECT = SupabaseAccess("https://p.example/", "hush", "vids", "/ltx2/")
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
    [
        LOCAL,
        StoreConfig(folder="x"),
        replace(LOCAL, url="ftp://x"),
        replace(LOCAL, url="gs://b"),
        StoreConfig("s3://"),
        StoreConfig("s3:///prefix"),
        StoreConfig("s3://bucket/../other"),
        StoreConfig("s3://bucket", s3=S3Access(access_key_id="k")),
        StoreConfig("s3://bucket", s3=S3Access("http://[::")),
        StoreConfig("s3://bucket", s3=S3Access("http://[:::::]")),
        StoreConfig("s3://bucket", s3=S3Access("http://ho st")),
        StoreConfig("s3://bucket", s3=S3Access("http://host:99999")),
        StoreConfig("s3://bucket", s3=S3Access("host:9000")),
        StoreConfig("s3://bucket", s3=S3Access(public_endpoint="files.example")),
        StoreConfig("s3://bucket", s3=S3Access(access_key_id="k\n", secret_access_key="hush")),
        StoreConfig("s3://bucket", s3=S3Access(access_key_id="k", secret_access_key="hush ")),
        StoreConfig("supabase"),
        StoreConfig("supabase", supabase=replace(PROJECT, url="")),
        StoreConfig("supabase", supabase=replace(PROJECT, url="project.example")),
        StoreConfig("supabase", supabase=replace(PROJECT, url="https://[p.example")),
        StoreConfig("supabase", supabase=replace(PROJECT, url="https://p.example:port")),
        StoreConfig("supabase", supabase=replace(PROJECT, service_role_key="hush\n")),
        StoreConfig("supabase", supabase=replace(PROJECT, service_role_key="hush…")),
        StoreConfig("supabase", supabase=replace(PROJECT, prefix="a/../b")),
    ],
)
def test_refused(config: StoreConfig):
    with pytest.raises(ConfigurationError) as caught:
        create_store(config)
    assert caught.value.code == "settings_invalid"
    assert caught.value.field in known_keys()
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("url", ["http://s3:8333", "http://my_s3:1/", "http://[::1]:9000"])
def test_addresses_of_ones_own_servers(url: str):
    access = S3Access(url, access_key_id="k", secret_access_key="s")
    store = create_store(StoreConfig("s3://bucket", s3=access))
    assert store.url("a.mp4", 60).startswith(f"{url.rstrip('/')}/bucket/a.mp4?")


def test_what_is_missing_is_named():
    with pytest.raises(ConfigurationError) as caught:
        create_store(StoreConfig("supabase", supabase=SupabaseAccess(bucket="b")))
    assert "SUPABASE_URL, SUPABASE_SERVICE_ROLE_KEY" in str(caught.value)


def test_s3():
    access = S3Access("http://127.0.0.1:1", "eu-west-1", "k", "hush")
    store = create_store(StoreConfig("s3://clips/some/prefix/", s3=access))
    url = store.url("a/b.mp4", 60)
    assert url.startswith("http://127.0.0.1:1/clips/some/prefix/a/b.mp4?")
    assert "eu-west-1" in url


def test_supabase():
    store = create_store(StoreConfig("supabase", supabase=replace(PROJECT, public=True)))
    expected = "https://p.example/storage/v1/object/public/vids/ltx2/a.mp4"
    assert store.url("a.mp4", 60) == expected
    store.close()


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
