"""Accounts and keys as JSON; the routes are tested in tests/api/test_accounts.py."""

import json

from ltxserve.accounts.accounts import Account
from ltxserve.accounts.keys import KeyRow
from ltxserve.api.native.accounts import account_view, entry_view, key_view
from ltxserve.credits.ledger import Entry


def test_views_are_plain_json():
    account = account_view(Account("a", "ann", ("read",), "free", 1, 1, 0), 5)
    key = key_view(KeyRow("k", "a", "laptop", ("read",), 0.0, None, None, None))
    entry = entry_view(Entry("e", "a", None, "top_up", 5, None, 0.0))
    assert json.dumps([account, key, entry])
    assert (account["balance"], key["expires_at"]) == (5, None)
    assert entry["created_at"] == "1970-01-01T00:00:00.000Z"
