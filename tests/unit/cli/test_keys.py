"""`ltxserve keys`: a key is printed once, works, and stops working."""

import time
from pathlib import Path

import pytest

from ltxserve.app import create_app
from ltxserve.errors import AccessDenied
from ltxserve.settings import Settings
from tests.unit.cli.service import Operator


@pytest.fixture
def operator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Operator:
    return Operator(tmp_path, monkeypatch)


def accepted(operator: Operator, key: str) -> str | None:
    """The account that the service itself sees, None where it refuses the key."""
    service = create_app(Settings(data_dir=operator.folder), role="api")
    try:
        with service.database.read() as conn:
            return service.keys.authenticate(conn, key).name
    except AccessDenied:
        return None
    finally:
        service.close()


def test_a_key_works_until_it_is_revoked(operator: Operator):
    operator.say("accounts", "create", "mivo")
    key = operator.say("keys", "create", "--account", "mivo", "--label", "laptop")
    assert accepted(operator, key) == "mivo"
    [row] = operator.ask("keys", "list")
    assert (row["label"], row["scopes"], row["revoked_at"]) == (
        "laptop",
        ["read", "generate"],
        None,
    )
    assert operator.say("keys", "revoke", row["id"]) == f"{row['id']} is revoked"
    assert accepted(operator, key) is None


def test_a_list_shows_no_key(operator: Operator):
    made = operator.ask("keys", "create", "--scope", "admin", "--days", "2")
    assert made["expires_at"] > time.time() + 86400
    shown = operator.say("keys", "list")
    assert made["id"] in shown
    assert made["key"].rpartition("_")[2] not in shown + operator.say("keys", "list", "--json")


def test_keys_are_listed_by_account(operator: Operator):
    operator.say("accounts", "create", "mivo")
    operator.say("keys", "create")
    operator.say("keys", "create", "--account", "mivo")
    assert len(operator.ask("keys", "list")) == 2
    assert len(operator.ask("keys", "list", "--account", "mivo")) == 1


def test_a_given_secret_is_used(operator: Operator, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LTXSERVE_SECRET_KEY", "s" * 64)
    operator.say("keys", "create")
    assert [path.name for path in operator.folder.glob("*.key")] == []
    monkeypatch.setenv("LTXSERVE_SECRET_KEY", "short")
    assert operator.refused("keys", "create") == "settings_invalid"


def test_what_is_not_there_is_said(operator: Operator):
    assert operator.refused("keys", "revoke", "no-such-key") == "key_not_found"
    assert operator.refused("keys", "create", "--account", "nobody") == "account_not_found"
    assert operator.refused("keys", "create", "--scope", "fly") == "request_refused"
