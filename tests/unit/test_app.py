"""Settings in, a wired App out: what each role has, and what the parts are told."""

import json
from pathlib import Path

import pytest

from ltxserve.accounts.accounts import LOCAL
from ltxserve.app import create_app, fetch_rules, run_limits, store_config, worker_config
from ltxserve.errors import ConfigurationError
from ltxserve.settings import Settings
from ltxserve.storage.create import StoreConfig
from tests.services import settings_for


def test_an_api_has_no_workers_and_needs_no_configuration(tmp_path: Path) -> None:
    app = create_app(settings_for(tmp_path), "api")
    try:
        app.start()
        assert (app.pool, app.orchestrator) == (None, None)
        assert app.local_account().id == LOCAL
        assert (tmp_path / "ltxserve.db").is_file()
    finally:
        app.close()


def test_a_second_start_finds_what_the_first_one_made(tmp_path: Path) -> None:
    keys: list[str] = []
    for _ in range(2):
        app = create_app(settings_for(tmp_path), "api")
        with app.database.begin() as conn:
            if not keys:
                keys.append(app.keys.create(conn, LOCAL, ("read",))[1])
            assert app.keys.authenticate(conn, keys[0]).id == LOCAL
        app.close()


def test_a_wrong_pool_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        create_app(settings_for(tmp_path, pool="nonsense://x"))


def test_workers_get_what_they_need_and_read_no_settings(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, models=tmp_path / "models")
    stored = store_config(settings, "s" * 64)
    told = json.loads(worker_config(settings, stored))
    assert StoreConfig.from_dict(told["store"]) == stored
    assert told["models_dir"] == str(tmp_path / "models")
    assert told["device"] == "cpu"


def test_links_are_signed_with_a_key_of_their_own(tmp_path: Path) -> None:
    secret = "s" * 64
    stored = store_config(settings_for(tmp_path), secret)
    assert secret not in stored.secrets[0]
    assert secret not in repr(stored)


def test_networks_and_ports_are_lists(tmp_path: Path) -> None:
    rules = fetch_rules(Settings(open_networks="10.0.0.0/8, fd00::/8,", open_ports="80,8080"))
    assert rules.networks == ("10.0.0.0/8", "fd00::/8")
    assert rules.ports == (80, 8080)
    assert fetch_rules(settings_for(tmp_path)).networks == ()


def test_a_pool_over_http_is_asked_less_often() -> None:
    local, remote = (run_limits(Settings(pool=pool)) for pool in ("local", "runpod://endpoint"))
    assert local.pace < remote.pace
    assert run_limits(Settings(job_seconds=7.0)).total == 7.0
