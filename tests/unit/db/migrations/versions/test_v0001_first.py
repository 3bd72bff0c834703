"""The first revision: what a database has that was just made."""

import base64

import sqlalchemy as sa

from ltxserve.db.database import Database
from ltxserve.db.migrations.versions import v0001_first as first
from ltxserve.db.tables import accounts, metadata


def test_every_table_is_made_and_removed():
    assert set(first.TABLES) == set(metadata.tables)


def test_local_use_has_an_account_that_pays_nothing(database: Database):
    with database.read() as conn:
        row = conn.execute(sa.select(accounts)).one()
    assert (row.id, row.name, row.price_list, row.balance) == ("local", "local", "free", 0)
    assert row.scopes == ["*"]
    kind, _, secret = row.webhook_secret.partition("_")
    assert kind == "whsec"
    assert len(base64.b64decode(secret)) == 32
