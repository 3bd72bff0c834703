"""Asking the hub: listings, hostile names, links of a CDN that get no token, foreign errors."""

from pathlib import Path

import pytest

from ltxserve.catalog.weights.hub import Hub, RemoteFile, hub_errors, needs_client, offline
from ltxserve.errors import ModelUnavailable
from tests.hub import stand_in
from tests.loopback import Loopback, Reply, Request
from tests.unit.catalog.weights.conftest import REPOS, TEXT, VENDOR


def test_listings():
    with stand_in(REPOS) as (_, hub, _):
        file = hub.file(VENDOR, "model.safetensors")
        assert file.bytes == len(REPOS[VENDOR]["model.safetensors"])
        assert file.name == f"{VENDOR}: model.safetensors"
        folder = hub.folder(TEXT, "tokenizer")
        assert [f.path for f in folder] == ["tokenizer/spiece.model"]
        assert folder[0].digest.startswith("git:")
        assert len(hub.folder(TEXT, "")) == len(REPOS[TEXT])
        with pytest.raises(ModelUnavailable) as caught:
            hub.folder(TEXT, "absent")
        assert caught.value.code == "weights_missing"
        with pytest.raises(ModelUnavailable) as caught:
            hub.file("nobody/nothing", "x")
        assert caught.value.code == "repository_gated"


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "a\\..\\b", "a/../../b"])
def test_names_that_lead_elsewhere_are_refused(name: str):
    with stand_in({"a/b": {name: b"x"}}) as (_, hub, _):
        with pytest.raises(ModelUnavailable) as caught:
            hub.folder("a/b", "")
        assert caught.value.code == "hub_unavailable"


def test_a_token_does_not_go_to_the_cdn(tmp_path: Path):
    with Loopback(lambda _: Reply(200, b"content"), "localhost") as cdn:

        def home(request: Request) -> Reply:
            assert "authorization" in request.headers
            link = {"Location": f"{cdn.url}/signed", "X-Linked-Size": "7", "X-Linked-Etag": '"x"'}
            return Reply(302, headers={**link, "X-Repo-Commit": "c"})

        with stand_in({}), Loopback(home) as server:
            told: list[int] = []
            file = RemoteFile("a/b", "w", 7, "git:x")
            Hub(server.url, "hf_secret").fetch(file, tmp_path / "w", told.append)
        assert (tmp_path / "w").read_bytes() == b"content"
        assert sum(told) == 7
        assert all("authorization" not in request.headers for request in cdn.seen)


def test_a_link_that_ends_is_asked_for_anew(tmp_path: Path):
    refused = [Reply(403), Reply(403)]

    def answer(request: Request) -> Reply:
        headers = {"ETag": '"x"', "X-Repo-Commit": "c"}
        if request.method == "GET" and refused:
            return refused.pop()
        return Reply(200, b"content", headers)

    with stand_in({}), Loopback(answer) as server:
        file = RemoteFile("a/b", "w", 7, "git:x")
        Hub(server.url, "t").fetch(file, tmp_path / "w", lambda _: None)
        assert (tmp_path / "w").read_bytes() == b"content"
        refused += [Reply(403)] * 3
        with pytest.raises(ModelUnavailable) as caught:
            Hub(server.url, "t").fetch(file, tmp_path / "other", lambda _: None)
        assert caught.value.code == "repository_gated"


def test_errors_of_others_pass():
    with pytest.raises(FileNotFoundError), hub_errors("a/b"):
        raise FileNotFoundError("of the disk")
    with pytest.raises(KeyError), hub_errors("a/b", passing=(KeyError,)):
        raise KeyError("asked for")
    needs_client()
    assert "LTXSERVE_OFFLINE" in offline("x").hint
