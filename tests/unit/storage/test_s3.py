"""The S3 store when the server fails; the rest is in tests/contracts, on a real server."""

from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from ltxserve.errors import StorageError
from ltxserve.storage.retry import Patience
from ltxserve.storage.s3 import S3Place, S3Store
from tests.loopback import Loopback, Reply, Request

QUICK = Patience(attempts=3, first=0.01, longest=0.02)
KEYED = S3Place("clips", access_key_id="k", secret_access_key="s")
XML = "<?xml version='1.0'?><Error><Code>{}</Code><Message>no</Message></Error>"


def refusal(status: int, code: str) -> Reply:
    return Reply(status, XML.format(code).encode(), {"Content-Type": "application/xml"})


def store_at(url: str) -> S3Store:
    return S3Store(S3Place("clips", "p", url, "us-east-1", "k", "hush"), QUICK)


def code_of(store: S3Store, path: Path) -> str:
    with pytest.raises(StorageError) as caught:
        store.put("a/b.mp4", path, "video/mp4")
    assert "hush" not in str(caught.value)
    return caught.value.code


@pytest.fixture
def made(tmp_path: Path) -> Path:
    path = tmp_path / "made.mp4"
    path.write_bytes(b"0123456789")
    return path


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (refusal(500, "InternalError"), "storage_unavailable"),
        (refusal(503, "SlowDown"), "storage_unavailable"),
        (Reply(drop=True), "storage_unavailable"),
        (refusal(403, "AccessDenied"), "storage_refused"),
        (refusal(401, "Unauthorized"), "storage_refused"),
        (refusal(404, "NoSuchBucket"), "storage_refused"),
    ],
)
def test_put_fails_with_its_cause(made: Path, reply: Reply, code: str):
    with Loopback(lambda _: reply) as server:
        assert code_of(store_at(server.url), made) == code
        assert len(server.seen) <= QUICK.attempts**2


def test_nobody_there(made: Path):
    with Loopback(lambda _: Reply()) as server:
        url = server.url
    assert code_of(store_at(url), made) == "storage_unavailable"


def test_a_stumble_is_forgiven(made: Path):
    stumbles = [refusal(500, "InternalError"), refusal(503, "SlowDown")]
    files: dict[str, Request] = {}

    def answer(request: Request) -> Reply:
        if stumbles:
            return stumbles.pop()
        if request.method == "PUT":
            files[request.path] = request
            return Reply(200, headers={"ETag": '"e"'})
        kept = files[request.path]
        headers = {"ETag": '"e"', "Last-Modified": "Sat, 21 Nov 2026 08:39:20 GMT"}
        headers |= {"Content-Type": kept.headers["content-type"]}
        size = len(kept.body)
        if "range" in request.headers:
            headers |= {"Content-Range": f"bytes 0-{size - 1}/{size}"}
            return Reply(206, kept.body, headers)
        return Reply(200, kept.body, headers)

    with Loopback(answer) as server:
        stored = store_at(server.url).put("a/b.mp4", made, "video/mp4")
    assert stored.bytes == 10
    assert list(files) == ["/clips/p/a/b.mp4"]
    assert files["/clips/p/a/b.mp4"].headers["content-type"] == "video/mp4"


def test_what_the_server_lost_is_not_reported(made: Path):
    """It says 200 and keeps nothing."""

    def answer(request: Request) -> Reply:
        headers = {"ETag": '"e"'}
        return Reply(200, headers=headers) if request.method == "PUT" else refusal(404, "NoSuchKey")

    with Loopback(answer) as server:
        assert code_of(store_at(server.url), made) == "storage_unavailable"


@pytest.mark.parametrize(
    ("place", "start"),
    [
        (KEYED, "https://clips.s3.us-east-1.amazonaws.com/a.mp4?"),
        (replace(KEYED, bucket="c.d"), "https://s3.us-east-1.amazonaws.com/c.d/a.mp4?"),
        (
            replace(KEYED, prefix="p/q", endpoint="https://r2.example/"),
            "https://r2.example/clips/p/q/a.mp4?",
        ),
        (
            replace(KEYED, endpoint="http://s3:8333", public_endpoint="https://files.example/"),
            "https://files.example/clips/a.mp4?",
        ),
    ],
)
def test_where_links_lead(place: S3Place, start: str):
    assert S3Store(place, QUICK, lambda: 0).url("a.mp4", 60).startswith(start)


def test_links_carry_name_and_type():
    store = S3Store(KEYED, QUICK)
    words = parse_qs(urlsplit(store.url("a.mp4", 60, "my clip.mp4", "video/mp4")).query)
    assert words["response-content-disposition"] == ['attachment; filename="my clip.mp4"']
    assert words["response-content-type"] == ["video/mp4"]
    assert words["X-Amz-Expires"] == ["60"]
    store.close()
