"""Scopes: what a key may do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ltxserve.accounts.scopes import ALL, SCOPES, USER, allows, check_scopes, narrow
from ltxserve.errors import RequestRefused

scopes = st.sets(st.sampled_from(list(SCOPES)))


def test_scopes_come_in_order_and_once():
    assert check_scopes(["generate", "read", "read"]) == ("read", "generate") == USER


@pytest.mark.parametrize("wrong", [[], ["fly"], ["read", "fly"]])
def test_unknown_and_missing_scopes_are_refused(wrong: list[str]):
    with pytest.raises(RequestRefused) as refusal:
        check_scopes(wrong)
    assert refusal.value.problems[0].field == "scopes"


def test_a_star_is_everything():
    assert all(allows([ALL], scope) for scope in SCOPES)
    assert not allows(["read"], "admin")
    assert narrow([ALL], [ALL]) == (ALL,)


@given(scopes, scopes)
def test_a_key_never_may_more_than_its_account(mine: set[str], ceiling: set[str]):
    both = narrow(mine, ceiling)
    for scope in SCOPES:
        assert allows(both, scope) == (allows(mine, scope) and allows(ceiling, scope))
