"""Accounts: added, found by id or name, listed."""

from dataclasses import replace
from typing import Any

import pytest

from ltxserve.accounts.accounts import (
    LOCAL,
    AccountChange,
    NewAccount,
    create_account,
    get_account,
    list_accounts,
    renew_webhook_secret,
    update_account,
    webhook_secret,
)
from ltxserve.db.database import Database
from ltxserve.errors import AccessDenied, Conflict, NotFound, RequestRefused


def test_an_account_is_found_by_id_and_by_name(database: Database):
    with database.begin() as conn:
        made = create_account(conn, NewAccount("mivo", "per-second", max_running=2, priority=1))
        assert get_account(conn, made.id) == get_account(conn, "mivo") == made
    assert (made.scopes, made.max_running, made.priority) == (("read", "generate"), 2, 1)


def test_the_local_account_may_everything(database: Database):
    with database.read() as conn:
        local = get_account(conn, LOCAL)
    assert local.may("admin")
    assert local.price_list == "free"


def test_a_name_is_used_once(database: Database):
    with database.begin() as conn:
        made = create_account(conn, NewAccount("mivo"))
        with pytest.raises(Conflict) as refusal:
            create_account(conn, NewAccount("mivo"))
        assert refusal.value.code == "account_exists"
        # The transaction goes on: only the second account is not there.
        assert [account.id for account in list_accounts(conn)] == [LOCAL, made.id]


def test_a_change_is_what_it_names_and_no_more(database: Database):
    with database.begin() as conn:
        made = create_account(conn, NewAccount("mivo", "per-second", max_running=2))
        changed = update_account(conn, "mivo", AccountChange(max_queued=7, scopes=("read",)))
        assert changed == replace(made, max_queued=7, scopes=("read",))
        assert update_account(conn, made.id, AccountChange()) == changed
        disabled = update_account(conn, "mivo", AccountChange(disabled=True))
        assert disabled == replace(changed, disabled=True) == get_account(conn, "mivo")
        assert update_account(conn, "mivo", AccountChange(disabled=False)) == changed


@pytest.mark.parametrize(
    ("name", "change", "field"),
    [
        ("mivo", AccountChange(max_running=0), "max_running"),
        ("mivo", AccountChange(scopes=("fly",)), "scopes"),
        (LOCAL, AccountChange(disabled=True), "disabled"),
    ],
)
def test_changes_that_make_no_sense_are_refused(
    sqlite: Database, name: str, change: AccountChange, field: str
):
    with sqlite.begin() as conn:
        create_account(conn, NewAccount("mivo"))
    with pytest.raises(RequestRefused) as refusal, sqlite.begin() as conn:
        update_account(conn, name, change)
    assert [problem.field for problem in refusal.value.problems] == [field]


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "empty name": ({"name": ""}, "name"),
    "name with a slash": ({"name": "a/b"}, "name"),
    "long name": ({"name": "a" * 65}, "name"),
    "no queue": ({"max_queued": 0}, "max_queued"),
    "nothing runs": ({"max_running": 0}, "max_running"),
    "wild priority": ({"priority": 10**9}, "priority"),
    "unknown scope": ({"scopes": ("fly",)}, "scopes"),
}


@pytest.mark.parametrize("what", WRONG)
def test_accounts_that_make_no_sense_are_refused(sqlite: Database, what: str):
    values, field = WRONG[what]
    with pytest.raises(RequestRefused) as refusal, sqlite.begin() as conn:
        create_account(conn, NewAccount(**{"name": "mivo", **values}))
    assert [problem.field for problem in refusal.value.problems] == [field]


def test_unknown_accounts_are_said(database: Database):
    with database.read() as conn:
        for find in (get_account, webhook_secret):
            with pytest.raises(NotFound) as refusal:
                find(conn, "nobody")
            assert refusal.value.code == "account_not_found"


def test_each_account_signs_with_its_own_secret(database: Database):
    with database.begin() as conn:
        made = create_account(conn, NewAccount("mivo"))
        secrets = {webhook_secret(conn, name) for name in (LOCAL, made.id)}
    assert len(secrets) == 2
    assert all(secret.startswith("whsec_") for secret in secrets)


def test_a_secret_is_made_anew_for_its_account_alone(database: Database):
    with database.begin() as conn:
        made = create_account(conn, NewAccount("mivo"))
        before, local = webhook_secret(conn, made.id), webhook_secret(conn, LOCAL)
        after = renew_webhook_secret(conn, made.id)
        assert after == webhook_secret(conn, made.id) != before
        assert webhook_secret(conn, LOCAL) == local


def test_a_missing_scope_is_refused(sqlite: Database):
    with sqlite.begin() as conn:
        made = create_account(conn, NewAccount("mivo"))
    made.require("generate")
    with pytest.raises(AccessDenied) as refusal:
        made.require("admin")
    assert refusal.value.code == "forbidden"
