"""The tables as data: columns, keys and the constraints that hold money and jobs together.

Times are seconds UTC, ids are UUIDv7 strings, money is whole credits. A change needs a migration.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _json(name: str, nullable: bool = True) -> Column[object]:
    return Column(name, JSON(none_as_null=True), nullable=nullable)


accounts = Table(
    "accounts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    _json("scopes", nullable=False),
    Column("price_list", Text, nullable=False),
    Column("max_queued", Integer, nullable=False),
    Column("max_running", Integer, nullable=False),
    Column("priority", Integer, nullable=False),
    # The sum of the account's ledger, kept in the same transaction; what holds are checked against.
    Column("balance", BigInteger, nullable=False),
    Column("webhook_secret", Text, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("disabled_at", Float),
    CheckConstraint("balance >= 0", name="no_debt"),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account_id", ForeignKey("accounts.id"), nullable=False, index=True),
    Column("label", Text, nullable=False),
    Column("digest", Text, nullable=False),
    _json("scopes", nullable=False),
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float),
    Column("last_used_at", Float),
    Column("revoked_at", Float),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account_id", ForeignKey("accounts.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("parent_id", ForeignKey("jobs.id"), index=True),
    Column("dialect", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("stage", Text),
    _json("request", nullable=False),
    _json("plan"),
    Column("price", BigInteger, nullable=False),
    Column("price_list", Text, nullable=False),
    _json("progress"),
    Column("seed", BigInteger),
    _json("timings"),
    _json("warnings"),
    _json("error"),
    _json("result"),
    Column("worker", Text),
    Column("attempt", Integer, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("idempotency_key", Text),
    Column("request_hash", Text),
    Column("cancel_requested", Boolean, nullable=False),
    Column("webhook_url", Text),
    _json("metadata"),
    Column("created_at", Float, nullable=False),
    Column("started_at", Float),
    Column("finished_at", Float),
    Column("expires_at", Float),
    Column("timeout_seconds", Float),
    Column("last_event", Integer, nullable=False),
    UniqueConstraint("account_id", "idempotency_key"),
    CheckConstraint(
        "state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')", name="state"
    ),
    Index("ix_jobs_account_id_id", "account_id", "id"),
    Index("ix_jobs_state_priority_id", "state", "priority", "id"),
    Index("ix_jobs_expires_at", "expires_at"),
)

job_events = Table(
    "job_events",
    metadata,
    Column("job_id", ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    _json("data", nullable=False),
    Column("created_at", Float, nullable=False),
)

_CLOSING = text("kind IN ('settle', 'release')")
_TOP_UP = text("kind = 'top_up'")

ledger = Table(
    "ledger",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account_id", ForeignKey("accounts.id"), nullable=False, index=True),
    # No foreign key: what was paid stays on record when the job is deleted.
    Column("job_id", Text),
    Column("kind", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("reference", Text),
    Column("created_at", Float, nullable=False),
    UniqueConstraint("job_id", "kind"),
    CheckConstraint("kind IN ('top_up', 'hold', 'settle', 'release', 'refund')", name="kind"),
    CheckConstraint("kind = 'top_up' OR job_id IS NOT NULL", name="job"),
    # A hold ends once: paid or given back, never both, never twice.
    Index(
        "uq_ledger_closed_once",
        "job_id",
        unique=True,
        sqlite_where=_CLOSING,
        postgresql_where=_CLOSING,
    ),
    Index(
        "uq_ledger_top_up_once",
        "account_id",
        "reference",
        unique=True,
        sqlite_where=_TOP_UP,
        postgresql_where=_TOP_UP,
    ),
)

uploads = Table(
    "uploads",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account_id", ForeignKey("accounts.id"), nullable=False, index=True),
    Column("key", Text, nullable=False, unique=True),
    Column("file_name", Text),
    Column("media_type", Text, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("sha256", Text, nullable=False),
    _json("info"),
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float, index=True),
)

artifacts = Table(
    "artifacts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account_id", ForeignKey("accounts.id"), nullable=False),
    # No foreign key: files of a deleted job still have to be found and removed.
    Column("job_id", Text, nullable=False, index=True),
    Column("attempt", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("key", Text, nullable=False, unique=True),
    Column("media_type", Text, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("deleted_at", Float),
)

webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account_id", ForeignKey("accounts.id"), nullable=False, index=True),
    Column("job_id", Text, nullable=False, index=True),
    Column("event", Text, nullable=False),
    Column("url", Text, nullable=False),
    _json("payload", nullable=False),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_attempt_at", Float),
    Column("last_status", Integer),
    Column("last_error", Text),
    Column("created_at", Float, nullable=False),
    Column("delivered_at", Float),
    UniqueConstraint("job_id", "event", "url"),
    CheckConstraint("state IN ('pending', 'delivered', 'failed')", name="state"),
)
