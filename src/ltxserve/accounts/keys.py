"""API keys: made, checked, listed, revoked; only a digest is kept, so a key is shown once."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from ltxserve.accounts.accounts import Account, get_account, to_account
from ltxserve.accounts.scopes import check_scopes, narrow
from ltxserve.accounts.secret import derive
from ltxserve.db.tables import accounts, api_keys
from ltxserve.errors import AccessDenied, NotFound

_FORM = re.compile(r"ltx_([0-9a-z]{12})_([0-9a-zA-Z_-]{43})")
_NAMED = len("ltx_") + 12
"""Characters of a key that name it; the others are its secret."""
_USE_SECONDS = 60.0
"""last_used_at is at most this old: a write per request would be a write too many."""


@dataclass(frozen=True)
class KeyRow:
    """What is known of a key, without its secret; times in seconds UTC, None = never."""

    id: str
    account_id: str
    label: str
    scopes: tuple[str, ...]
    created_at: float
    expires_at: float | None
    last_used_at: float | None
    revoked_at: float | None


class Keys:
    """Keys whose digests are made with one pepper; holds no connection.

    A key is ltx_<id>_<secret> with 256 random bits, so a fast digest is enough: HMAC-SHA256.
    """

    def __init__(self, pepper: bytes) -> None:
        self._pepper = pepper
        self._noted: dict[str, float] = {}

    @classmethod
    def of(cls, secret: str) -> Keys:
        """The keys of the installation that has this secret (see secret.load_secret)."""
        return cls(derive(secret, "api keys"))

    def create(
        self,
        conn: sa.Connection,
        account_id: str,
        scopes: tuple[str, ...],
        label: str = "",
        expires_at: float | None = None,
    ) -> tuple[KeyRow, str]:
        """Make a key; the second value is the key itself, which cannot be read again.

        Raises RequestRefused for unknown scopes, NotFound `account_not_found`.
        """
        account = get_account(conn, account_id)
        identifier = "".join(secrets.choice("0123456789abcdefghjkmnpqrstvwxyz") for _ in range(12))
        key = f"ltx_{identifier}_{secrets.token_urlsafe(32)}"
        row = KeyRow(
            id=identifier,
            account_id=account.id,
            label=label[:100],
            scopes=check_scopes(scopes),
            created_at=time.time(),
            expires_at=expires_at,
            last_used_at=None,
            revoked_at=None,
        )
        values = {**vars(row), "scopes": list(row.scopes), "digest": self._digest(key)}
        conn.execute(api_keys.insert().values(values))
        return row, key

    def authenticate(self, conn: sa.Connection, key: str) -> Account:
        """The account the key speaks for, with the key's scopes; only reads.

        Raises AccessDenied `unauthorized`, in the same words whatever is wrong with the key.
        """
        form = _FORM.fullmatch(key)
        row = None if form is None else _row(conn, form.group(1))
        # Compared even where there is no row, so that time does not tell which ids exist.
        known = hmac.compare_digest(self._digest(key), "" if row is None else row.digest)
        if row is None or not known or not _counts(row) or row.disabled_at is not None:
            raise AccessDenied(
                "unauthorized",
                "The API key is missing, unknown, expired or revoked.",
                "Send a key as `Authorization: Bearer ltx_...`; `ltxserve keys create` makes one.",
            )
        return to_account(row, narrow(row.key_scopes, row.scopes))

    def is_due(self, key: str) -> bool:
        """Whether the use of an authenticated key is to be noted: once a minute it is.

        What else is read with a key needs no transaction that writes.
        """
        now = time.time()
        if 0 <= now - self._noted.get(key[:_NAMED], 0) < _USE_SECONDS:
            return False
        self._noted[key[:_NAMED]] = now
        return True

    def touch(self, conn: sa.Connection, key: str) -> None:
        """Note that an authenticated key was used; of several processes, one a minute does."""
        form = _FORM.fullmatch(key)
        if form is None:
            return
        now = time.time()
        used = api_keys.c.last_used_at
        conn.execute(
            sa.update(api_keys)
            .where(api_keys.c.id == form.group(1))
            .where(sa.or_(used.is_(None), used < now - _USE_SECONDS))
            .values(last_used_at=now)
        )

    def _digest(self, key: str) -> str:
        return hmac.new(self._pepper, key.encode(), hashlib.sha256).hexdigest()


def list_keys(conn: sa.Connection, account_id: str | None = None) -> list[KeyRow]:
    """Keys of one account or of all, oldest first; revoked ones too."""
    query = sa.select(api_keys).order_by(api_keys.c.created_at, api_keys.c.id)
    if account_id is not None:
        query = query.where(api_keys.c.account_id == account_id)
    return [_key(row) for row in conn.execute(query)]


def revoke_key(conn: sa.Connection, key_id: str, account_id: str | None = None) -> KeyRow:
    """End a key at once and for good; revoking it again changes nothing.

    Raises NotFound `key_not_found` for a key that does not exist or is not of the account.
    """
    change = sa.update(api_keys).where(api_keys.c.id == key_id)
    if account_id is not None:
        change = change.where(api_keys.c.account_id == account_id)
    ended = sa.func.coalesce(api_keys.c.revoked_at, time.time())
    row = conn.execute(change.values(revoked_at=ended).returning(api_keys)).first()
    if row is None:
        raise NotFound("key_not_found", "There is no such key.", "Check the id.", "id")
    return _key(row)


def _row(conn: sa.Connection, key_id: str) -> sa.Row[Any] | None:
    query = (
        sa.select(
            accounts,
            api_keys.c.digest,
            api_keys.c.scopes.label("key_scopes"),
            api_keys.c.expires_at,
            api_keys.c.revoked_at,
        )
        .join(accounts, accounts.c.id == api_keys.c.account_id)
        .where(api_keys.c.id == key_id)
    )
    return conn.execute(query).first()


def _counts(row: sa.Row[Any]) -> bool:
    expired = row.expires_at is not None and row.expires_at <= time.time()
    return row.revoked_at is None and not expired


def _key(row: sa.Row[Any]) -> KeyRow:
    held = {name: row._mapping[name] for name in KeyRow.__dataclass_fields__}
    return KeyRow(**{**held, "scopes": tuple(held["scopes"])})
