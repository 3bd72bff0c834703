"""The one safe fetch: what it brings, what it refuses, and that refusing connects to nothing."""

import socket
import sys
import threading
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ltxserve.errors import MediaError
from ltxserve.media.fetch import Fetched, FetchRules, fetch, is_url, local_copy
from tests.loopback import Loopback, Reply, Request

PATIENT = {"connect_seconds": 100.0, "total_seconds": 300.0}
"""The server is a thread of the tests, which may be stopped for seconds."""
connected: list[Any] = []


def watch(event: str, words: tuple[Any, ...]) -> None:
    if event == "socket.connect":
        connected.append(words[1])


sys.addaudithook(watch)


def names(**table: list[str] | list[list[str]]) -> Any:
    """A name server: name -> addresses, or a list of such answers, one per question."""
    asked = {name.replace("_", "."): list(found) for name, found in table.items()}

    def lookup(host: str, port: int, *_: Any) -> Iterable[Any]:
        found = asked.get(host)
        if found is None:
            return socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM, 0, socket.AI_NUMERICHOST)
        now = found.pop(0) if isinstance(found[0], list) else found
        return [
            (socket.AF_INET6 if ":" in ip else socket.AF_INET, 1, 6, "", (ip, port)) for ip in now
        ]

    return lookup


@pytest.fixture
def server() -> Iterator[Loopback]:
    with Loopback(answer) as running:
        yield running


def answer(request: Request) -> Reply:
    paths = {
        "/ok": Reply(body=b"content", headers={"Content-Type": "image/png; charset=x"}),
        "/empty": Reply(),
        "/big": Reply(body=b"x" * 2000),
        "/lies": Reply(body=b"x" * 10, headers={"Content-Length": "99999999999"}),
        "/chunks": Reply(
            body=b"7d0\r\n" + b"x" * 2000 + b"\r\n0\r\n\r\n",
            headers={"Transfer-Encoding": "chunked"},
        ),
        "/cut": Reply(body=b"x" * 500, cut=100),
        "/zip": Reply(body=b"x", headers={"Content-Encoding": "gzip"}),
        "/missing": Reply(404),
        "/part": Reply(206, b"x"),
        "/hop": Reply(302, headers={"Location": "/ok"}),
        "/loop": Reply(302, headers={"Location": "/loop"}),
        "/nowhere": Reply(302),
        "/file": Reply(302, headers={"Location": "file:///etc/hostname"}),
        "/query?a=1&b=%20": Reply(body=b"query"),
    }
    return paths.get(request.target, Reply(500))


def opened(server: Loopback, **more: Any) -> FetchRules:
    """Rules under which this server alone may be fetched from."""
    rules = FetchRules(networks=(f"{server.host}/32",), ports=(80, 443, server.port))
    return replace(rules, **{**PATIENT, **more})


def get(server: Loopback, path: str, folder: Path, **more: Any) -> Fetched:
    return fetch(server.url + path, folder / "got", opened(server, **more))


def code_of(url: str, folder: Path, rules: FetchRules, lookup: Any = None) -> str:
    with pytest.raises(MediaError) as caught:
        fetch(url, folder / "got", rules, lookup or names())
    assert not (folder / "got").exists()
    assert caught.value.hint
    return caught.value.code


def test_brings_the_file(server: Loopback, tmp_path: Path):
    assert get(server, "/ok", tmp_path) == Fetched(tmp_path / "got", 7, "image/png")
    assert (tmp_path / "got").read_bytes() == b"content"
    headers = server.seen[0].headers
    assert headers["accept-encoding"] == "identity"
    assert headers["host"] == f"127.0.0.1:{server.port}"
    assert "cookie" not in headers


def test_keeps_the_query(server: Loopback, tmp_path: Path):
    assert get(server, "/query?a=1&b=%20#part", tmp_path).bytes == 5
    assert server.seen[0].target == "/query?a=1&b=%20"


def test_follows_redirects(server: Loopback, tmp_path: Path):
    assert get(server, "/hop", tmp_path).bytes == 7


@pytest.mark.parametrize("path", ["/big", "/lies", "/chunks"])
def test_too_large(server: Loopback, tmp_path: Path, path: str):
    assert code_of(server.url + path, tmp_path, opened(server, max_bytes=1999)) == "media_too_large"


def test_exactly_as_large_as_allowed(server: Loopback, tmp_path: Path):
    for path in ("/big", "/chunks"):
        assert get(server, path, tmp_path, max_bytes=2000).bytes == 2000


@pytest.mark.parametrize(
    "path", ["/cut", "/zip", "/missing", "/part", "/loop", "/nowhere", "/other"]
)
def test_failed(server: Loopback, tmp_path: Path, path: str):
    assert code_of(server.url + path, tmp_path, opened(server)) == "media_fetch_failed"


def test_redirects_are_counted(server: Loopback, tmp_path: Path):
    code_of(server.url + "/loop", tmp_path, opened(server, max_redirects=2))
    assert len(server.seen) == 3


def test_nobody_listens(tmp_path: Path):
    with socket.socket() as taken:  # bound, not listening
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        rules = FetchRules(networks=("127.0.0.1/32",), ports=(port,))
        assert code_of(f"http://127.0.0.1:{port}/", tmp_path, rules) == "media_fetch_failed"


def test_a_drip_of_headers_ends_with_the_time(tmp_path: Path):
    """Each read is quick; only the whole is too slow."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def drip() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"HTTP/1.1 200 OK\r\n")
                try:
                    while True:
                        connection.sendall(b"X: y\r\n")
                        stopped.wait(0.02)
                except OSError:
                    return

        stopped = threading.Event()
        thread = threading.Thread(target=drip)
        thread.start()
        port = listening.getsockname()[1]
        rules = FetchRules(networks=("127.0.0.1/32",), ports=(port,), total_seconds=0.3)
        assert code_of(f"http://127.0.0.1:{port}/", tmp_path, rules) == "media_fetch_failed"
        # The time may have been over before there was a connection, which the thread waits for.
        socket.create_connection(("127.0.0.1", port)).close()
        thread.join()


def test_a_name_server_that_hangs(tmp_path: Path):
    answered = threading.Event()

    def hang(*_: Any) -> Iterable[Any]:
        answered.wait()
        return []

    rules = FetchRules(connect_seconds=0.05)
    assert code_of("http://slow.example/", tmp_path, rules, hang) == "media_fetch_failed"
    answered.set()


# The battery: every way to say "inside" that has fooled a fetcher. `names` answers for names.
INSIDE = {
    "loopback": "http://127.0.0.1/",
    "loopback name": "http://localhost/",
    "decimal": "http://2130706433/",
    "octal": "http://0177.0.0.1/",
    "hexadecimal": "http://0x7f.0.0.1/",
    "hexadecimal whole": "http://0x7f000001/",
    "short": "http://127.1/",
    "all zero": "http://0.0.0.0/",
    "zero": "http://0/",
    "circled digits": "http://\u2460\u2461\u2466.0.0.1/",
    "IPv6 loopback": "http://[::1]/",
    "IPv4-mapped": "http://[::ffff:127.0.0.1]/",
    "IPv4-mapped metadata": "http://[::ffff:a9fe:a9fe]/",
    "IPv4-compatible": "http://[::127.0.0.1]/",
    "NAT64": "http://[64:ff9b::7f00:1]/",
    "6to4": "http://[2002:7f00:1::]/",
    "IPv6 link-local": "http://[fe80::1]/",
    "IPv6 unique local": "http://[fd00:ec2::254]/",
    "metadata": "http://169.254.169.254/latest/meta-data/",
    "private 10": "http://10.0.0.1/",
    "private 172": "http://172.16.0.1/",
    "private 192": "http://192.168.0.1/",
    "CGNAT": "http://100.64.0.1/",
    "multicast": "http://224.0.0.1/",
    "broadcast": "http://255.255.255.255/",
    "documentation": "http://192.0.2.1/",
    "userinfo": "http://public.example@127.0.0.1/",
    "userinfo before a public name": "http://user:pass@public.example/",
    "name to loopback": "http://inside.example/",
    "name to private": "http://private.example/",
    "name to both": "http://mixed.example/",
    "name to IPv6 loopback": "http://six.example/",
    "trailing dot": "http://inside.example./",
    "other port": "http://public.example:6379/",
    "backslash": "http://public.example\\@127.0.0.1/",
    "tab": "http://127.0.\t0.1/",
    "line break": "http://127.0.0.1/\r\nHost: x",
    "file": "file:///etc/passwd",
    "gopher": "gopher://127.0.0.1:6379/_INFO",
    "ftp": "ftp://127.0.0.1/",
    "no scheme": "//127.0.0.1/",
    "no host": "http:///x",
    "broken": "http://[::1",
    "empty": "",
    "very long": "http://public.example/" + "a" * 9000,
    "scope": "http://[fe80::1%25eth0]/",
}
ZONE = {
    "localhost": ["127.0.0.1"],
    "inside.example": ["127.0.0.1"],
    "inside.example.": ["127.0.0.1"],
    "private.example": ["10.1.2.3"],
    "mixed.example": ["203.0.113.7", "8.8.8.8", "127.0.0.1"],
    "six.example": ["::1"],
    "public.example": ["8.8.8.8"],
}


@pytest.mark.parametrize("case", INSIDE)
def test_the_inside_stays_closed(tmp_path: Path, case: str):
    connected.clear()
    assert code_of(INSIDE[case], tmp_path, FetchRules(), names(**ZONE)) == "url_refused"
    assert connected == []


# Without host or text, a Location means the server that sent it.
@pytest.mark.parametrize("case", [case for case in INSIDE if case not in ("empty", "no host")])
def test_redirects_to_the_inside_are_refused(tmp_path: Path, case: str):
    location = INSIDE[case]
    if not location.isascii() or any(c in location for c in "\r\n\t"):
        location = "http://127.0.0.1/"
    with Loopback(lambda _: Reply(302, headers={"Location": location}), "127.0.0.3") as server:
        connected.clear()
        assert code_of(server.url, tmp_path, opened(server), names(**ZONE)) == "url_refused"
        assert connected == [("127.0.0.3", server.port)]
        assert len(server.seen) == 1


def test_a_name_that_moves_is_asked_for_once(tmp_path: Path):
    """DNS rebinding: checked as one address, connected as another."""
    moves = [["127.0.0.2"], ["127.0.0.1"]]
    with Loopback(answer, "127.0.0.2") as server:
        url = f"http://moves.example:{server.port}/ok"
        connected.clear()
        fetched = fetch(url, tmp_path / "got", opened(server), names(**{"moves.example": moves}))
        assert fetched.bytes == 7
        assert connected == [("127.0.0.2", server.port)]
        assert server.seen[0].headers["host"] == f"moves.example:{server.port}"


def test_a_name_that_moves_between_redirects(tmp_path: Path):
    moves = [["127.0.0.2"], ["127.0.0.1"]]
    with Loopback(answer, "127.0.0.2") as server:
        url = f"http://moves.example:{server.port}/hop"
        connected.clear()
        zone = names(**{"moves.example": moves})
        assert code_of(url, tmp_path, opened(server), zone) == "url_refused"
        assert connected == [("127.0.0.2", server.port)]


def test_proxies_of_the_environment_are_not_used(
    server: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    with Loopback(lambda _: Reply(body=b"proxy")) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        assert get(server, "/ok", tmp_path).bytes == 7
        assert proxy.seen == []


def test_what_is_refused_tells_no_secret_and_no_address(tmp_path: Path):
    with pytest.raises(MediaError) as caught:
        fetch("http://me:hush@private.example/?key=hush", tmp_path / "a", lookup=names(**ZONE))
    assert "hush" not in str(caught.value)
    with pytest.raises(MediaError) as caught:
        fetch("http://private.example/", tmp_path / "a", lookup=names(**ZONE))
    assert "10.1.2.3" not in str(caught.value)


def test_is_url():
    assert is_url("HTTPS://a")
    assert is_url("http://a")
    assert not is_url("data:image/png,http://")
    assert not is_url("http.png")
    assert not is_url(b"http://")


def test_local_copy(server: Loopback):
    with local_copy(f"{server.url}/ok", opened(server)) as source:
        assert Path(source).read_bytes() == b"content"
    assert not Path(source).exists()


def test_local_copy_of_what_is_local():
    with local_copy("a.png") as source:
        assert source == "a.png"
    with pytest.raises(MediaError) as caught, local_copy("http://127.0.0.1/a.png"):
        pass
    assert caught.value.code == "url_refused"
