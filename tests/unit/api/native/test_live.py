"""Close codes of refused sockets; streams are tested in tests/api/test_live.py."""

from ltxserve.api.events import REFUSED
from ltxserve.api.statuses import STATUS_OF


def test_every_refusal_has_a_close_code_of_the_private_range():
    assert all(4000 <= REFUSED + status < 5000 for status in STATUS_OF.values())
