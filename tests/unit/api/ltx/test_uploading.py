"""Upload addresses: signed, for one account, ending."""

import pytest

from ltxserve.api.ltx.uploading import Ticket, Tickets
from ltxserve.errors import StorageError

TICKET = Ticket("ann", "u1", 100.0)


def test_what_is_issued_is_redeemed_until_it_ends():
    tickets = Tickets(b"secret")
    token = tickets.issue(TICKET)
    assert tickets.redeem(token, 99.0) == TICKET
    with pytest.raises(StorageError) as late:
        tickets.redeem(token, 100.0)
    assert late.value.code == "link_expired"


@pytest.mark.parametrize("token", ["", "x", "WyJhIl0.sig", Tickets(b"other").issue(TICKET)])
def test_what_was_not_issued_here_is_refused(token: str):
    with pytest.raises(StorageError) as refused:
        Tickets(b"secret").redeem(token, 0.0)
    assert refused.value.code == "link_invalid"
