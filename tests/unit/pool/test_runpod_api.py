"""One endpoint's calls: what is sent, and what is made of answers good and bad."""

from collections.abc import Callable

import httpx
import pytest

from ltxserve.errors import ConfigurationError
from ltxserve.pool.base import PoolUnavailable
from ltxserve.pool.runpod_api import API, Api, Endpoint
from tests.loopback import Loopback, Reply


def test_an_endpoint_is_read_from_its_url():
    assert Endpoint.of("runpod://abc") == Endpoint("abc", API, 3, 3600, False)
    url = "runpod://abc?slots=5&seconds=60&updates=stream&api=http://127.0.0.1:1/v2/"
    assert Endpoint.of(url) == Endpoint("abc", "http://127.0.0.1:1/v2", 5, 60, True)


@pytest.mark.parametrize(
    "url",
    ["runpod://", "runpod://a?slots=0", "runpod://a?slots=x", "runpod://a?seconds=1",
     "runpod://a?slot=3"],
)  # fmt: skip
def test_what_cannot_be_read_is_refused(url: str):
    with pytest.raises(ConfigurationError) as refusal:
        Endpoint.of(url)
    assert refusal.value.code == "settings_invalid"


def calls(api: Api) -> list[Callable[[], object]]:
    return [
        lambda: api.status("r"),
        lambda: api.stream("r"),
        api.health,
        lambda: api.cancel("r"),
    ]


def test_requests_are_as_documented():
    with Loopback(lambda _: Reply(body=b'{"stream": [{"output": 1}, "odd"]}')) as server:
        api = Api(Endpoint("abc", f"{server.url}/v2"), "key")
        assert api.run(b'{"input": {}}').is_success
        assert api.stream("r") == [1]
        for call in calls(api):
            call()
        api.close()
        assert api.is_closed
    seen = [(request.method, request.path) for request in server.seen]
    assert seen[0] == ("POST", "/v2/abc/run")
    assert set(seen) >= {
        ("GET", "/v2/abc/status/r"),
        ("GET", "/v2/abc/health"),
        ("POST", "/v2/abc/cancel/r"),
    }
    assert {request.headers["authorization"] for request in server.seen} == {"Bearer key"}


@pytest.mark.parametrize("status", [401, 429, 500, 503])
def test_bad_answers_make_the_pool_unavailable(status: int):
    with Loopback(lambda _: Reply(status)) as server:
        api = Api(Endpoint("abc", f"{server.url}/v2"), "key")
        for call in calls(api):
            with pytest.raises(PoolUnavailable):
                call()
        api.close()


def test_no_answer_does_too():
    with Loopback(lambda _: Reply(drop=True)) as server:
        api = Api(Endpoint("abc", f"{server.url}/v2"), "key")
        for call in calls(api):
            with pytest.raises(PoolUnavailable):
                call()
        with pytest.raises(httpx.HTTPError):
            api.run(b"{}")
        api.close()


def test_what_is_not_there_is_none_and_need_not_be_cancelled():
    with Loopback(lambda _: Reply(404, b"gone")) as server:
        api = Api(Endpoint("abc", f"{server.url}/v2"), "key")
        assert (api.status("r"), api.health(), api.stream("r")) == (None, None, [])
        api.cancel("r")
        api.close()


@pytest.mark.parametrize("body", [b"<html>", b"[1]"])
def test_an_answer_that_is_no_object_is_no_answer(body: bytes):
    with Loopback(lambda _: Reply(body=body)) as server:
        api = Api(Endpoint("abc", f"{server.url}/v2"), "key")
        if body == b"[1]":
            assert api.status("r") == {}
        else:
            with pytest.raises(PoolUnavailable):
                api.status("r")
        api.close()
