"""The words of an input: every alias and source leads to something that a request has."""

from __future__ import annotations

from ltxserve.runpod.words import ALIASES, FRAMES, NATIVE, SOURCES, Extras


def test_words_stand_for_fields_that_exist():
    assert set(ALIASES.values()) <= NATIVE
    assert not set(ALIASES) & (NATIVE | set(Extras.model_fields))
    assert set(SOURCES) <= set(Extras.model_fields)
    assert set(SOURCES.values()) <= NATIVE | set(FRAMES)


def test_one_address_is_a_list_of_one():
    assert Extras.model_validate({"upload_url": "https://a"}).upload_url == ("https://a",)
    assert Extras.model_validate({"upload_url": ["https://a", "b"]}).upload_url == (
        "https://a",
        "b",
    )
    assert Extras().upload_url is None
