"""The ledger: money moves by adding entries, once per job and kind; the database enforces it.

Works on the caller's connection and transaction. The balance column of an account is the sum of
its entries, changed in the same statement order everywhere: account first, then entry.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from ltxserve.db.ids import new_id
from ltxserve.db.tables import accounts, ledger
from ltxserve.errors import InsufficientCredits, NotFound, Problem, RequestRefused

MOST = 10**12
"""Credits that one top-up may bring; far above any use, far below the column's range."""


@dataclass(frozen=True)
class Entry:
    """One movement: `amount` is what it adds to the balance, in whole credits.

    hold -price; then either settle (0: the held credits are spent; more: so many of them were not
    needed) or release +price; after a settle, maybe refund + what was spent. top_up adds.
    """

    id: str
    account_id: str
    job_id: str | None
    kind: str
    amount: int
    reference: str | None
    created_at: float


@dataclass(frozen=True)
class Imbalance:
    """An account whose balance is not the sum of its entries. There must never be one."""

    account_id: str
    balance: int
    entries: int


def balance(conn: sa.Connection, account_id: str) -> int:
    """Credits that can be spent: held ones are already gone. Raises NotFound."""
    found = conn.scalar(sa.select(accounts.c.balance).where(accounts.c.id == account_id))
    if found is None:
        raise _no_account()
    return found


def top_up(
    conn: sa.Connection, account_id: str, amount: int, reference: str | None = None
) -> Entry:
    """Add credits; a reference counts once per account, a repetition returns the first entry.

    Raises RequestRefused for an amount that is not between 1 and MOST, NotFound.
    """
    if not 0 < amount <= MOST:
        raise RequestRefused(
            [
                Problem(
                    "invalid_field",
                    f"{amount} credits cannot be added.",
                    f"Give a whole number from 1 to {MOST}.",
                    "amount",
                )
            ]
        )
    _lock(conn, account_id)
    if reference is not None:
        earlier = conn.execute(
            sa.select(ledger).where(
                ledger.c.account_id == account_id,
                ledger.c.kind == "top_up",
                ledger.c.reference == reference,
            )
        ).first()
        if earlier is not None:
            return Entry(**earlier._mapping)
    entry = Entry(new_id(), account_id, None, "top_up", amount, reference, time.time())
    _move(conn, account_id, amount)
    conn.execute(ledger.insert().values(vars(entry)))
    return entry


def hold(conn: sa.Connection, account_id: str, job_id: str, amount: int) -> None:
    """Set the price of a job aside; a second call for the same job does nothing.

    Raises InsufficientCredits, NotFound.
    """
    if amount < 0:
        raise ValueError("a hold cannot be negative")
    taken = conn.execute(
        sa.update(accounts)
        .where(accounts.c.id == account_id, accounts.c.balance >= amount)
        .values(balance=accounts.c.balance - amount)
    ).rowcount
    if not taken:
        if _held(conn, job_id) is not None:
            return
        raise InsufficientCredits(amount, balance(conn, account_id))
    if not _add(conn, Entry(new_id(), account_id, job_id, "hold", -amount, None, time.time())):
        _move(conn, account_id, amount)


def settle(conn: sa.Connection, job_id: str, back: int = 0) -> bool:
    """The held credits are spent; True the first time, False when the hold has already ended.

    back: of them, what was not needed and goes back at once.
    """
    held = _held(conn, job_id)
    if held is None:
        return False
    if not 0 <= back <= -held.amount:
        raise ValueError(f"{back} of {-held.amount} held credits cannot go back")
    return _give_back(conn, replace(held, amount=-back), "settle")


def release(conn: sa.Connection, job_id: str) -> bool:
    """The held credits go back; True the first time, False when the hold has already ended."""
    held = _held(conn, job_id)
    if held is None:
        return False
    return _give_back(conn, held, "release")


def refund(conn: sa.Connection, job_id: str, reference: str | None = None) -> bool:
    """Give a settled job's credits back; True the first time, False if nothing was settled."""
    held, settled = _held(conn, job_id), _entry(conn, job_id, "settle")
    if held is None or settled is None:
        return False
    spent = replace(held, amount=held.amount + settled.amount)
    return _give_back(conn, spent, "refund", reference)


def entries(conn: sa.Connection, account_id: str, limit: int = 100) -> list[Entry]:
    """The newest entries of an account, newest first."""
    query = (
        sa.select(ledger)
        .where(ledger.c.account_id == account_id)
        .order_by(ledger.c.id.desc())
        .limit(limit)
    )
    return [Entry(**row._mapping) for row in conn.execute(query)]


def imbalances(conn: sa.Connection) -> list[Imbalance]:
    """Accounts whose balance and ledger disagree: [] always; watched as a metric."""
    total = sa.func.coalesce(sa.func.sum(ledger.c.amount), 0)
    query = (
        sa.select(accounts.c.id, accounts.c.balance, total)
        .outerjoin(ledger, ledger.c.account_id == accounts.c.id)
        .group_by(accounts.c.id, accounts.c.balance)
        .having(accounts.c.balance != total)
    )
    # PostgreSQL's sums are decimals.
    return [Imbalance(who, held, int(total)) for who, held, total in conn.execute(query)]


def _give_back(conn: sa.Connection, held: Entry, kind: str, reference: str | None = None) -> bool:
    _lock(conn, held.account_id)
    entry = Entry(
        new_id(), held.account_id, held.job_id, kind, -held.amount, reference, time.time()
    )
    if not _add(conn, entry):
        return False
    _move(conn, held.account_id, -held.amount)
    return True


def _add(conn: sa.Connection, entry: Entry) -> bool:
    """Insert unless a constraint of the ledger says that this has already happened."""
    dialect = sqlite if conn.dialect.name == "sqlite" else postgresql
    insert = dialect.insert(ledger).values(vars(entry)).on_conflict_do_nothing()
    # RETURNING, not the row count: psycopg's is not to be relied on for INSERT.
    return conn.execute(insert.returning(ledger.c.id)).first() is not None


def _held(conn: sa.Connection, job_id: str) -> Entry | None:
    return _entry(conn, job_id, "hold")


def _entry(conn: sa.Connection, job_id: str, kind: str) -> Entry | None:
    query = sa.select(ledger).where(ledger.c.job_id == job_id, ledger.c.kind == kind)
    row = conn.execute(query).first()
    return None if row is None else Entry(**row._mapping)


def _lock(conn: sa.Connection, account_id: str) -> None:
    """Wait for whoever moves money of the account; on SQLite the transaction has done so.

    key_share: rows that refer to the account, such as new jobs, need not wait and cannot deadlock.
    """
    query = sa.select(accounts.c.id).where(accounts.c.id == account_id)
    if conn.scalar(query.with_for_update(key_share=True)) is None:
        raise _no_account()


def _move(conn: sa.Connection, account_id: str, amount: int) -> None:
    conn.execute(
        sa.update(accounts)
        .where(accounts.c.id == account_id)
        .values(balance=accounts.c.balance + amount)
    )


def _no_account() -> NotFound:
    return NotFound("account_not_found", "There is no such account.", "Check the id.", "account")
