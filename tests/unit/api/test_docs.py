"""The description lists every code of every status."""

from ltxserve.api import docs
from ltxserve.api.native.submissions import GenerationBody
from ltxserve.api.statuses import CODES_BY_STATUS


def test_every_status_lists_its_codes():
    for status, response in docs.problems(CODES_BY_STATUS).items():
        for code in CODES_BY_STATUS[int(status)]:
            assert f"`{code}`" in response["description"]


def test_every_status_can_be_answered_by_some_route():
    told = set(docs.READ) | set(docs.WRITE) | set(docs.FILE)
    assert set(CODES_BY_STATUS) - told <= {405}


def test_bodies_and_their_parts_are_described():
    shown = docs.body(GenerationBody)["requestBody"]["content"]["application/json"]["schema"]
    assert "$defs" not in shown
    schemas = docs.components(GenerationBody)
    assert {"GenerationBody", "Condition", "Output"} <= set(schemas)
    assert docs.body()["requestBody"]["content"]["application/json"]["schema"] == {"type": "object"}


def test_files_and_other_dialects():
    assert set(docs.files()) >= {200, 206, 304, 416}
    assert docs.plain((404,))[404]["content"]["application/json"]
