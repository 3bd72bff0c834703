"""Ids as they come in addresses."""

import pytest

from ltxserve.api.context import checked_cursor, checked_id
from ltxserve.errors import NotFound, RequestRefused
from tests.api.making import ID


def test_ids_are_read_as_the_database_writes_them():
    assert checked_id(ID) == ID
    assert checked_id(ID.upper()) == ID


@pytest.mark.parametrize(
    "given", ["", "1", ID[:-1], ID + "0", "{" + ID[1:-1] + "}", "x" * 36, ID.replace("-", "")]
)
def test_anything_else_is_not_found(given: str):
    with pytest.raises(NotFound) as missing:
        checked_id(given)
    assert missing.value.code == "job_not_found"


def test_a_cursor_is_refused_by_its_own_name():
    assert (checked_cursor(None), checked_cursor(""), checked_cursor(ID)) == (None, None, ID)
    with pytest.raises(RequestRefused) as refused:
        checked_cursor("page 2", "after")
    assert (refused.value.problems[0].code, refused.value.problems[0].field) == (
        "invalid_field",
        "after",
    )
