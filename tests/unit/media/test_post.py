"""What is posted arrives as it is; private addresses are not posted to, redirects not followed."""

from pathlib import Path

import pytest

from ltxserve.errors import MediaError
from ltxserve.media.fetch import FetchRules
from ltxserve.media.post import check_address, post, put
from tests.loopback import Loopback, Reply, Request


def rules(server: Loopback) -> FetchRules:
    """The server is a thread of the tests, which may be stopped for seconds."""
    return FetchRules(
        connect_seconds=100, total_seconds=300, networks=("127.0.0.0/8",), ports=(server.port,)
    )


def test_body_and_headers_arrive_and_the_status_comes_back() -> None:
    with Loopback(lambda request: Reply(202)) as server:
        status = post(f"{server.url}/a?b=1", b'{"x":1}', {"X-Y": "z"}, rules(server))
        [seen] = server.seen
    assert status == 202
    assert (seen.method, seen.target, seen.body) == ("POST", "/a?b=1", b'{"x":1}')
    assert seen.headers["x-y"] == "z"
    assert seen.headers["host"] == f"127.0.0.1:{server.port}"


def test_a_redirect_is_an_answer_and_no_invitation() -> None:
    def answer(request: Request) -> Reply:
        return Reply(307, headers={"Location": "/elsewhere"})

    with Loopback(answer) as server:
        assert post(f"{server.url}/", b"", {}, rules(server)) == 307
        assert len(server.seen) == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://[::1]/",
        "http://169.254.169.254/latest/meta-data",
        "http://10.0.0.1/",
        "http://0x7f000001/",
        "ftp://example.org/",
        "http://user:pass@example.org/",
        "http://example.org:22/",
        "no url at all",
    ],
)
def test_what_is_not_posted_to(url: str) -> None:
    with pytest.raises(MediaError) as refusal:
        post(url, b"", {})
    assert refusal.value.code == "url_refused"


def test_a_name_that_leads_inside_is_not_posted_to() -> None:
    def lookup(host: str, port: int, *words: object) -> list[object]:
        return [(2, 1, 6, "", ("10.1.2.3", port))]

    with pytest.raises(MediaError) as refusal:
        post("http://example.org/", b"", {}, lookup=lookup)
    assert refusal.value.code == "url_refused"


def test_no_answer_is_said() -> None:
    with Loopback(lambda request: Reply(drop=True)) as server:
        with pytest.raises(MediaError) as failure:
            post(f"{server.url}/", b"", {}, rules(server))
        assert failure.value.code == "media_fetch_failed"


def test_a_file_is_put_whole_with_its_length(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"0123456789" * 200_000)
    with Loopback(lambda request: Reply(200)) as server:
        status = put(f"{server.url}/b/k?sig=1", path, {"Content-Type": "video/mp4"}, rules(server))
        [seen] = server.seen
    assert status == 200
    assert (seen.method, seen.target, seen.headers["content-type"]) == (
        "PUT",
        "/b/k?sig=1",
        "video/mp4",
    )
    assert seen.body == path.read_bytes()


def test_files_are_not_put_inside(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"x")
    with pytest.raises(MediaError) as refusal:
        put("http://127.0.0.1/", path, {})
    assert refusal.value.code == "url_refused"


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1/", "http://[::", "http://[::1]/", "https://a:b:c/", "file:///x", "x", ""],
)
def test_an_address_is_judged_before_there_is_anything_to_send(url: str) -> None:
    with pytest.raises(MediaError) as refusal:
        check_address(url)
    assert refusal.value.code == "url_refused"


def test_a_name_is_judged_by_where_it_leads_if_that_is_known() -> None:
    def inside(host: str, port: int, *words: object) -> list[object]:
        return [(2, 1, 6, "", ("10.1.2.3", port))]

    def outside(host: str, port: int, *words: object) -> list[object]:
        return [(2, 1, 6, "", ("93.184.216.34", port))]

    def unknown(host: str, port: int, *words: object) -> list[object]:
        raise OSError("no answer now")

    with pytest.raises(MediaError):
        check_address("https://files.example/x", lookup=inside)
    check_address("https://files.example/x?signature=1", lookup=outside)
    check_address("https://files.example/x", lookup=unknown)
