"""`ltxserve accounts`: create, list, top up."""

from pathlib import Path

import pytest

from tests.unit.cli.service import Operator


@pytest.fixture
def operator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Operator:
    return Operator(tmp_path, monkeypatch)


def test_a_fresh_installation_has_the_local_account(operator: Operator):
    [row] = operator.ask("accounts", "list")
    assert (row["name"], row["price_list"], row["balance"]) == ("local", "free", 0)


def test_an_account_is_made_and_listed(operator: Operator):
    words = ["--price-list", "per-second", "--scope", "read", "--max-queued", "5"]
    made = operator.ask("accounts", "create", "mivo", *words)
    assert operator.ask("accounts", "list")[1] == made
    assert (made["scopes"], made["max_queued"], made["balance"]) == (["read"], 5, 0)
    table = operator.say("accounts", "list")
    assert "mivo" in table
    assert made["id"] in table


def test_create_prints_the_id(operator: Operator):
    said = operator.say("accounts", "create", "mivo")
    assert operator.ask("accounts", "list")[1]["id"] == said


def test_a_price_list_has_to_exist(operator: Operator):
    assert operator.refused("accounts", "create", "mivo", "--price-list", "gold") == (
        "unknown_price_list"
    )
    assert len(operator.ask("accounts", "list")) == 1


def test_what_makes_no_sense_is_refused(operator: Operator):
    operator.say("accounts", "create", "mivo")
    assert operator.refused("accounts", "create", "mivo") == "account_exists"
    assert operator.refused("accounts", "create", "a b") == "request_refused"
    assert operator.refused("accounts", "top-up", "nobody", "5") == "account_not_found"
    assert operator.refused("accounts", "top-up", "mivo", "0") == "request_refused"


def test_an_account_is_changed_disabled_and_enabled(operator: Operator):
    operator.say("accounts", "create", "mivo")
    words = ["--price-list", "free", "--scope", "read", "--max-running", "9", "--priority", "-3"]
    changed = operator.ask("accounts", "update", "mivo", *words)
    assert (changed["price_list"], changed["scopes"], changed["max_running"]) == (
        "free",
        ["read"],
        9,
    )
    assert (changed["priority"], changed["max_queued"]) == (-3, 100)
    assert operator.say("accounts", "disable", "mivo") == "mivo is disabled"
    assert operator.ask("accounts", "list")[1]["disabled"] is True
    assert "disabled" in operator.say("accounts", "list")
    assert operator.say("accounts", "enable", "mivo") == "mivo is active"
    assert operator.refused("accounts", "update", "mivo", "--price-list", "gold") == (
        "unknown_price_list"
    )
    assert operator.refused("accounts", "update", "mivo", "--max-queued", "0") == "request_refused"
    assert operator.refused("accounts", "disable", "local") == "request_refused"
    assert operator.refused("accounts", "disable", "nobody") == "account_not_found"


def test_credits_are_added_and_a_reference_counts_once(operator: Operator):
    operator.say("accounts", "create", "mivo")
    assert operator.say("accounts", "top-up", "mivo", "100") == "mivo has 100 credits"
    words = ("accounts", "top-up", "mivo", "50", "--reference", "invoice 7")
    assert [operator.ask(*words)["balance"] for _ in range(2)] == [150, 150]
    assert operator.ask("accounts", "list")[1]["balance"] == 150


def test_the_webhooks_secret_is_told_and_made_anew(operator: Operator):
    first = operator.say("accounts", "webhook-secret", "local")
    assert first.startswith("whsec_")
    assert operator.say("accounts", "webhook-secret", "local") == first
    new = operator.ask("accounts", "webhook-secret", "local", "--new")
    assert new["secret"] != first
    assert operator.say("accounts", "webhook-secret", "local") == new["secret"]
    assert operator.refused("accounts", "webhook-secret", "nobody") == "account_not_found"
