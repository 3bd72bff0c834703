"""Every code has one HTTP status, and only our own bugs are a 500."""

from ltxserve.api.statuses import CODES_BY_STATUS, STATUS_OF, status_of
from ltxserve.errors import CODES, LtxserveError


def test_every_code_has_exactly_one_status():
    listed = [code for codes in CODES_BY_STATUS.values() for code in codes]
    assert sorted(listed) == sorted(CODES)
    assert len(STATUS_OF) == len(listed)


def test_only_a_bug_is_a_500():
    assert CODES_BY_STATUS[500] == ("internal_error",)


def test_an_unknown_code_is_our_bug():
    assert status_of(LtxserveError("no_such_code", "x")) == 500
    assert status_of(LtxserveError("not_found", "x")) == 404
