"""Ids as they come in addresses."""

import pytest

from ltxserve.api.context import checked_id
from ltxserve.errors import NotFound
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
