"""An API process' view of a service that runs elsewhere, and an account that pays there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ltxserve.accounts.accounts import Account, NewAccount, create_account
from ltxserve.app import App, create_app
from ltxserve.credits import ledger
from tests.services import settings_for

CREDIT = 1000


@pytest.fixture
def front(tmp_path: Path) -> Iterator[App]:
    """The service's API without its HTTP; its jobs are run by another process."""
    app = create_app(settings_for(tmp_path), "api")
    yield app
    app.close()


@pytest.fixture
def payer(front: App) -> Account:
    """An account with CREDIT credits."""
    return paying(front, NewAccount("payer"))


def paying(app: App, new: NewAccount) -> Account:
    """A new account with CREDIT credits."""
    with app.database.begin() as conn:
        made = create_account(conn, new)
        ledger.top_up(conn, made.id, CREDIT)
        return made
