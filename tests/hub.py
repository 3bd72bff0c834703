"""A stand-in for the hub of models on loopback: listings, links and files as huggingface_hub asks.

Its answers have the form of the real hub's; `Trouble` says what goes wrong, once or always.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import urllib.parse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ltxserve.catalog.weights.hub import Hub
from tests.loopback import Loopback, Reply, Request

COMMIT = "c0ffee" * 6 + "c0ff"
TOKEN = "hf_of_the_tests"


@dataclass
class Trouble:
    """cuts: of the next downloads, so many bytes come and then the connection breaks.

    lies: content of paths that is sent in place of what was announced, so often. gated:
    repositories that want TOKEN. down: every answer is a 503.
    """

    cuts: list[int] = field(default_factory=list)
    lies: dict[str, int] = field(default_factory=dict)
    gated: set[str] = field(default_factory=set)
    down: bool = False


class StandIn:
    """Repositories as path -> content; files from 1000 bytes on are "large" (LFS)."""

    def __init__(self, repos: Mapping[str, Mapping[str, bytes]]) -> None:
        self.repos = {name: dict(files) for name, files in repos.items()}
        self.trouble = Trouble()
        self.sent: dict[str, int] = {}

    def __call__(self, request: Request) -> Reply:
        if self.trouble.down:
            return Reply(503)
        path = urllib.parse.unquote(request.path)
        repo = next((name for name in self.repos if f"/{name}/" in f"{path}/"), None)
        if repo is None:
            return Reply(401, headers={"X-Error-Code": "RepoNotFound"})
        if repo in self.trouble.gated and TOKEN not in request.headers.get("authorization", ""):
            return Reply(401, headers={"X-Error-Code": "GatedRepo"})
        inner = path.partition(f"/{repo}/")[2]
        if inner.startswith("paths-info/"):
            return self._infos(repo, request)
        if inner.startswith("tree/"):
            return self._tree(repo, inner.removeprefix("tree/").partition("/")[2])
        return self._file(repo, inner.removeprefix("resolve/main/"), request)

    def _infos(self, repo: str, request: Request) -> Reply:
        asked = urllib.parse.parse_qs(request.body.decode()).get("paths", [])
        found = [_entry(path, self.repos[repo][path]) for path in asked if path in self.repos[repo]]
        return _json(found)

    def _tree(self, repo: str, folder: str) -> Reply:
        files = self.repos[repo].items()
        inside = [_entry(p, c) for p, c in files if not folder or p.startswith(f"{folder}/")]
        return _json(inside) if inside else Reply(404, headers={"X-Error-Code": "EntryNotFound"})

    def _file(self, repo: str, path: str, request: Request) -> Reply:
        content = self.repos[repo].get(path)
        if content is None:
            return Reply(404, headers={"X-Error-Code": "EntryNotFound"})
        headers = {"ETag": f'"{_digest(content)}"', "X-Repo-Commit": COMMIT}
        if request.method == "HEAD":
            return Reply(200, content, headers)
        if self.trouble.lies.get(path, 0) > 0:
            self.trouble.lies[path] -= 1
            content = bytes(len(content))
        return self._counted(path, _ranged(content, headers, request))

    def _counted(self, path: str, reply: Reply) -> Reply:
        if self.trouble.cuts:
            reply = dataclasses.replace(reply, cut=self.trouble.cuts.pop(0))
        length = len(reply.body) if reply.cut is None else min(reply.cut, len(reply.body))
        self.sent[path] = self.sent.get(path, 0) + length
        return reply


def _ranged(content: bytes, headers: dict[str, str], request: Request) -> Reply:
    asked = request.headers.get("range", "")
    if not asked.startswith("bytes="):
        return Reply(200, content, headers)
    start = int(asked.removeprefix("bytes=").partition("-")[0])
    span = f"bytes {start}-{len(content) - 1}/{len(content)}"
    return Reply(206, content[start:], {**headers, "Content-Range": span})


def _entry(path: str, content: bytes) -> dict[str, Any]:
    entry = {"type": "file", "path": path, "size": len(content), "oid": _git(content)}
    if len(content) < 1000:
        return entry
    lfs = {"oid": _digest(content), "size": len(content), "pointerSize": 130}
    return {**entry, "lfs": lfs}


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest() if len(content) >= 1000 else _git(content)


def _git(content: bytes) -> str:
    return hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()


def _json(value: Any) -> Reply:
    return Reply(200, json.dumps(value).encode(), {"Content-Type": "application/json"})


@contextmanager
def stand_in(
    repos: Mapping[str, Mapping[str, bytes]], token: str = "none", offline: bool = False
) -> Iterator[tuple[StandIn, Hub, Loopback]]:
    """A running stand-in, and a hub that asks it."""
    served = StandIn(repos)
    with _client_settings(offline), Loopback(served) as server:
        yield served, Hub(server.url, token), server


@contextmanager
def _client_settings(offline: bool) -> Iterator[None]:
    """The client may reach out, and takes small pieces, so that breaks fall between them.

    It reads these from the environment when it is imported, and the tests run offline.
    """
    import huggingface_hub.constants as of_client

    before = of_client.HF_HUB_OFFLINE, of_client.DOWNLOAD_CHUNK_SIZE
    of_client.HF_HUB_OFFLINE, of_client.DOWNLOAD_CHUNK_SIZE = offline, 4096
    try:
        yield
    finally:
        of_client.HF_HUB_OFFLINE, of_client.DOWNLOAD_CHUNK_SIZE = before
