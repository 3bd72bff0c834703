"""The installation's secret: made once, kept to its owner, one key per purpose."""

import stat
from pathlib import Path

import pytest

from ltxserve.accounts.secret import FILE, derive, load_secret
from ltxserve.errors import ConfigurationError
from tests.threads import together


def test_a_secret_is_made_once(tmp_path: Path):
    first = load_secret(tmp_path / "data")
    assert load_secret(tmp_path / "data") == first
    assert len(bytes.fromhex(first)) == 32
    assert load_secret(tmp_path / "other") != first


def test_nobody_else_can_read_it(tmp_path: Path):
    load_secret(tmp_path)
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_processes_that_start_together_agree(tmp_path: Path):
    assert len(set(together([lambda: load_secret(tmp_path)] * 4))) == 1


def test_a_given_secret_counts_and_nothing_is_written(tmp_path: Path):
    assert load_secret(tmp_path, "x" * 32) == "x" * 32
    assert list(tmp_path.iterdir()) == []


def test_weak_secrets_are_refused(tmp_path: Path):
    with pytest.raises(ConfigurationError) as refusal:
        load_secret(tmp_path, "hunter2")
    assert "hunter2" not in str(refusal.value)
    (tmp_path / FILE).write_text("\n", "ascii")
    with pytest.raises(ConfigurationError):
        load_secret(tmp_path)


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path):
    (tmp_path / "file").write_text("", "ascii")
    with pytest.raises(ConfigurationError) as refusal:
        load_secret(tmp_path / "file" / "data")
    assert refusal.value.field == "LTXSERVE_DATA_DIR"


def test_purposes_have_keys_of_their_own():
    assert derive("s" * 32, "keys") == derive("s" * 32, "keys")
    assert derive("s" * 32, "keys") != derive("s" * 32, "links")
    assert derive("s" * 32, "keys") != derive("t" * 32, "keys")
    assert len(derive("s" * 32, "keys")) == 32
