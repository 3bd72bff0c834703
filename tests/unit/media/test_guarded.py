"""What connections are let through to, and how long each kind of waiting may take."""

import pytest
from ssrfguard import SSRFGuardError

from ltxserve.media.guarded import Asking, FetchRules, Guarded

RULES = FetchRules(connect_seconds=5.0, total_seconds=600.0)


def nobody(host: str, port: int, *words: object) -> list[object]:
    raise OSError("no answer now")


def leading_to(address: str) -> Guarded:
    return Guarded(RULES, lambda host, port, *words: [(2, 1, 6, "", (address, port))])


def test_a_server_that_stores_what_it_was_sent_may_take_its_time_to_answer():
    assert set(Asking().waits(RULES).values()) == {5.0}
    waits = Asking("PUT", slow=True).waits(RULES)
    assert waits.pop("read") == 600.0
    assert set(waits.values()) == {5.0}


@pytest.mark.parametrize(
    "url", ["", "x", "http://[::", "file:///x", "https://a:b:c/", "http://a:22/"]
)
def test_a_url_of_another_form_is_none(url: str):
    with pytest.raises((SSRFGuardError, ValueError)):
        Guarded(RULES, nobody).checked(url)


def test_a_name_is_judged_where_it_is_known():
    leading_to("93.184.216.34").check_place("https://a.example/x?y=1")
    with pytest.raises(SSRFGuardError):
        leading_to("10.1.2.3").check_place("https://a.example/")
    with pytest.raises(OSError, match="no answer"):
        Guarded(RULES, nobody).check_place("https://a.example/")


def test_no_connection_is_made_to_a_closed_address():
    guarded = leading_to("169.254.169.254")
    with pytest.raises(SSRFGuardError), guarded.answer(guarded.checked("http://a.example/")):
        pytest.fail("it answered")
