"""A link grants what was signed, for as long as was signed, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ltxserve.errors import StorageError
from ltxserve.storage.links import Grant, Links
from tests.clocks import Clock

GRANT = Grant("a/b.mp4", "my clip.mp4", "video/mp4")


def code_of(links: Links, token: str) -> str:
    with pytest.raises(StorageError) as caught:
        links.redeem(token)
    return caught.value.code


def test_what_is_signed_is_granted():
    links = Links(["s"], Clock())
    assert links.redeem(links.sign(GRANT, 60)) == GRANT
    assert links.redeem(links.sign(Grant("a"), 60)) == Grant("a")


def test_until_the_second_it_ends():
    clock = Clock()
    links = Links(["s"], clock)
    token = links.sign(GRANT, 60)
    clock.now += 59.9
    assert links.redeem(token) == GRANT
    clock.now += 0.1
    assert code_of(links, token) == "link_expired"


def test_secrets_can_be_changed():
    old, new, both = Links(["old"]), Links(["new"]), Links(["old", "new"])
    assert both.redeem(old.sign(GRANT, 60)) == GRANT
    assert new.redeem(both.sign(GRANT, 60)) == GRANT
    assert code_of(old, both.sign(GRANT, 60)) == "link_invalid"


@given(st.integers(min_value=0), st.characters())
def test_no_changed_letter_passes(position: int, letter: str):
    links = Links(["s"], Clock())
    token = links.sign(GRANT, 60)
    place = position % len(token)
    changed = token[:place] + letter + token[place + 1 :]
    if changed == token:
        return
    if place == len(token) - 1:  # has spare bits: maybe another spelling of the same signature
        return
    assert code_of(links, changed) == "link_invalid"


@pytest.mark.parametrize("token", ["", ".", "a.b", "x" * 10_000, "\ud800", "é.é"])
def test_nonsense(token: str):
    assert code_of(Links(["s"]), token) == "link_invalid"


def test_signed_elsewhere_for_something_else():
    from itsdangerous import URLSafeSerializer

    token = str(URLSafeSerializer("s", salt="session").dumps(["a", 9e9, None, None]))
    assert code_of(Links(["s"]), token) == "link_invalid"


@pytest.mark.parametrize("secrets", [[], [""], ["a", ""]])
def test_no_links_without_a_secret(secrets: list[str]):
    with pytest.raises(ValueError, match="secret"):
        Links(secrets)
