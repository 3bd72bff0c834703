"""A small HTTP server that answers by a script: refuses, drops connections, sends pieces."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

JOB: dict[str, Any] = {
    "id": "job-1",
    "object": "generation",
    "state": "queued",
    "progress": {"stage": None, "percent": 0, "queue_position": 1},
    "artifacts": {},
    "price": {"credits": 3, "price_list": "table"},
    "prompt": "a red ball",
    "created_at": "2026-01-31T12:00:00.123Z",
}


@dataclass(frozen=True)
class Reply:
    """One answer: a body in pieces; `drop` breaks the connection after them."""

    status: int = 200
    body: Any = b""
    headers: dict[str, str] = field(default_factory=dict[str, str])
    drop: bool = False
    length: int | None = None


@dataclass(frozen=True)
class Asked:
    """One request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Script:
    """What is answered, in order; the last reply stays. `None` drops the connection at once."""

    url: str
    replies: list[Reply | None]
    asked: list[Asked] = field(default_factory=list[Asked])

    def next(self) -> Reply | None:
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]


def job(state: str = "queued", **more: Any) -> dict[str, Any]:
    return {**JOB, "state": state, **more}


def event(seq: int, kind: str, **data: Any) -> bytes:
    body = json.dumps({"seq": seq, "kind": kind, "job_id": "job-1", "data": data})
    return f"id: {seq}\nevent: {kind}\ndata: {body}\n\n".encode()


def problem(status: int, code: str, **more: Any) -> Reply:
    body = {"code": code, "detail": "It is so.", "hint": "Do that.", "status": status, **more}
    return Reply(status, body, {"content-type": "application/problem+json"})


@contextmanager
def scripted(*replies: Reply | dict[str, Any] | None) -> Iterator[Script]:
    """The server on a free port; plain dicts are JSON answers."""
    script = Script("", [Reply(body=r) if isinstance(r, dict) else r for r in replies])

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            length = int(self.headers.get("content-length", 0))
            headers = {k.lower(): v for k, v in self.headers.items()}
            script.asked.append(Asked(self.command, self.path, headers, self.rfile.read(length)))
            reply = script.next()
            if reply is None:
                self.close_connection = True
                return
            body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
            kind = "application/octet-stream" if reply.body is body else "application/json"
            self.send_response(reply.status)
            for name, value in {"content-type": kind, **reply.headers}.items():
                self.send_header(name, value)
            if reply.status != 204:
                self.send_header("content-length", str(reply.length or len(body)))
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()
            self.close_connection = reply.drop

        do_GET = do_POST = do_DELETE = answer  # noqa: N815 - names of http.server

        def log_message(self, format: str, *args: Any) -> None:
            del format, args

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    script.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield script
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
