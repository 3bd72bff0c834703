"""Keys: shown once, checked in the same words whatever is wrong, revoked for good."""

import datetime
from typing import Any

import pytest
import sqlalchemy as sa
import time_machine

from ltxserve.accounts.accounts import NewAccount, create_account
from ltxserve.accounts.keys import KeyRow, Keys, list_keys, revoke_key
from ltxserve.db.database import Database
from ltxserve.db.tables import accounts, api_keys
from ltxserve.errors import AccessDenied, NotFound, RequestRefused

KEYS = Keys(b"p" * 32)
NOW = datetime.datetime(2026, 11, 21, tzinfo=datetime.UTC)


def made(
    database: Database, scopes: tuple[str, ...] = ("read",), **more: Any
) -> tuple[KeyRow, str]:
    with database.begin() as conn:
        return KEYS.create(conn, "local", scopes, **more)


def refused(database: Database, key: str, keys: Keys = KEYS) -> str:
    with pytest.raises(AccessDenied) as refusal, database.read() as conn:
        keys.authenticate(conn, key)
    assert refusal.value.code == "unauthorized"
    return str(refusal.value)


def test_a_key_speaks_for_its_account_with_its_own_scopes(database: Database):
    row, key = made(database, label="laptop")
    with database.read() as conn:
        account = KEYS.authenticate(conn, key)
    assert (account.id, account.scopes) == ("local", ("read",))
    assert key.startswith(f"ltx_{row.id}_")
    assert row.label == "laptop"


def test_a_key_is_not_kept(database: Database):
    _, key = made(database)
    with database.read() as conn:
        row = conn.execute(sa.select(api_keys)).one()
    assert key.rpartition("_")[2] not in str(row)


def test_keys_belong_to_the_secret_of_an_installation(database: Database):
    with database.begin() as conn:
        _, key = Keys.of("s" * 64).create(conn, "local", ("read",))
        assert Keys.of("s" * 64).authenticate(conn, key).id == "local"
    assert refused(database, key, Keys.of("t" * 64))


def test_whatever_is_wrong_reads_the_same(database: Database):
    row, key = made(database)
    other_secret = f"ltx_{row.id}_{'A' * 43}"
    wrong = ["", "ltx_", "Bearer", key[:-1], key + "x", key.upper(), "\x00" * 60, other_secret]
    wrong.append("ltx_" + "z" * 12 + "_" + "A" * 43)
    said = {refused(database, word) for word in wrong}
    assert len(said) == 1


def test_another_pepper_makes_every_key_void(database: Database):
    _, key = made(database)
    assert refused(database, key, Keys(b"q" * 32))


def test_a_revoked_key_is_void_at_once_and_for_good(database: Database):
    row, key = made(database)
    with database.begin() as conn:
        first = revoke_key(conn, row.id)
        again = revoke_key(conn, row.id)
    assert first.revoked_at is not None
    assert first == again
    assert refused(database, key)


def test_a_key_of_another_account_cannot_be_revoked(database: Database):
    row, key = made(database)
    for key_id, account in ((row.id, "other"), ("no-such-key", None)):
        with pytest.raises(NotFound) as refusal, database.begin() as conn:
            revoke_key(conn, key_id, account)
        assert refusal.value.code == "key_not_found"
    with database.read() as conn:
        assert KEYS.authenticate(conn, key).id == "local"


def test_a_key_ends_when_its_time_is_up(database: Database):
    _, key = made(database, expires_at=NOW.timestamp())
    before = time_machine.travel(NOW - datetime.timedelta(seconds=1), tick=False)
    with before, database.read() as conn:
        assert KEYS.authenticate(conn, key).id == "local"
    with time_machine.travel(NOW, tick=False):
        assert refused(database, key)


def test_keys_of_a_disabled_account_are_void(database: Database):
    _, key = made(database)
    with database.begin() as conn:
        conn.execute(sa.update(accounts).values(disabled_at=1.0))
    assert refused(database, key)


def test_a_key_never_may_more_than_its_account(database: Database):
    with database.begin() as conn:
        account = create_account(conn, NewAccount("mivo", scopes=("read",)))
        _, key = KEYS.create(conn, account.id, ("*",))
        assert KEYS.authenticate(conn, key).scopes == ("read",)


def test_use_is_noted_once_a_minute(database: Database):
    _, key = made(database)
    with time_machine.travel(NOW, tick=False) as clock:
        for seconds, expected in ((0, 0), (59, 0), (2, 61)):
            clock.shift(seconds)
            with database.begin() as conn:
                KEYS.touch(conn, key)
                used = list_keys(conn)[0].last_used_at
            assert used == NOW.timestamp() + expected
    with database.begin() as conn:
        KEYS.touch(conn, "no key")


def test_a_use_is_due_once_a_minute(database: Database):
    keys, (_, key), (_, other) = Keys(b"pepper"), made(database), made(database)
    with time_machine.travel(NOW, tick=False) as clock:
        assert [keys.is_due(key), keys.is_due(key), keys.is_due(other)] == [True, False, True]
        clock.shift(61)
        assert keys.is_due(key)
        clock.shift(-3600)
        assert keys.is_due(key)


def test_keys_are_listed_by_account(database: Database):
    row, _ = made(database)
    with database.begin() as conn:
        account = create_account(conn, NewAccount("mivo"))
        theirs, _ = KEYS.create(conn, "mivo", ("read", "generate"))
        assert list_keys(conn, account.id) == [theirs]
        assert list_keys(conn) == [row, theirs]


def test_a_key_needs_known_scopes_and_an_account(database: Database):
    with pytest.raises(RequestRefused), database.begin() as conn:
        KEYS.create(conn, "local", ("fly",))
    with pytest.raises(NotFound), database.begin() as conn:
        KEYS.create(conn, "nobody", ("read",))
