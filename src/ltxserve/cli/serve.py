"""`ltxserve serve`: the HTTP service, and in the same process whoever runs its jobs."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from ltxserve.cli import logs
from ltxserve.errors import ConfigurationError
from ltxserve.settings import Settings, load_settings

if TYPE_CHECKING:
    from ltxserve.app import App, Role

_ENDS = (signal.SIGINT, signal.SIGTERM)
_LISTENERS_LEAVE = 3
"""Seconds that open streams of events may hold up the end of the HTTP part."""


def serve(
    host: Annotated[str | None, typer.Option("--host", help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option("--port", help="Port; 0 = any free one.")] = None,
    api_only: Annotated[
        bool, typer.Option("--api-only", help="Only take requests; `orchestrate` runs the jobs.")
    ] = False,
    require_key: Annotated[
        bool, typer.Option("--require-key", help="Ask for an API key on loopback, too.")
    ] = False,
    json_logs: Annotated[
        bool, typer.Option("--json-logs", help="Log JSON lines on a terminal, too.")
    ] = False,
) -> None:
    """Serve clips over HTTP: API, job runner and workers in one command.

    Without a key only on loopback; anywhere else callers need one: `ltxserve keys create`.
    """
    logs.set_up(True if json_logs else None)
    given = {"host": host, "port": port, "require_keys": require_key or None}
    settings = load_settings().model_copy(
        update={name: value for name, value in given.items() if value is not None}
    )
    with _listening(settings.host, settings.port) as listener:
        app = started(settings, "api" if api_only else "all")
        try:
            _run(app, listener)
        finally:
            app.close()


def started(settings: Settings, role: Role) -> App:
    """The service without its HTTP, begun. Raises ConfigurationError where a package lacks."""
    try:
        from ltxserve.app import create_app
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            "backend_missing",
            f"The package {error.name} is not installed.",
            "Install the service: pip install 'ltxserve[server]'.",
        ) from None
    app = create_app(settings, role)
    app.start()
    return app


@contextmanager
def told_to_end(ask: Callable[[], None]) -> Iterator[None]:
    """Calls `ask` at the first SIGINT or SIGTERM in the block; the second one interrupts.

    `ask` runs in the middle of whatever the main thread does: it must take no lock.
    """
    asked = False

    def handle(number: int, frame: object) -> None:
        nonlocal asked
        del number, frame
        if asked:
            raise KeyboardInterrupt
        asked = True
        ask()

    before = {number: signal.signal(number, handle) for number in _ENDS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _run(app: App, listener: socket.socket) -> None:
    import uvicorn

    from ltxserve.api.server import create_api

    host, port = listener.getsockname()[:2]
    api = create_api(app)
    server = uvicorn.Server(
        uvicorn.Config(
            api,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_LISTENERS_LEAVE,
        )
    )
    shown = f"[{host}]" if ":" in host else host
    typer.echo(f"ltxserve serves on http://{shown}:{port}", err=True)

    def leave() -> None:
        server.should_exit = True
        api.state.feeds.close()  # else every open stream of events holds up the end

    # uvicorn's own handlers end the process after it; ours lets running jobs finish.
    server.capture_signals = lambda: told_to_end(leave)
    server.run(sockets=[listener])


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    """The port is taken before any worker starts: a second server fails at once, and says why."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise ConfigurationError(
            "settings_invalid",
            f"{host}:{port} cannot be listened on: {error.strerror or error}.",
            "Choose another with --host and --port, or end what uses it.",
            "LTXSERVE_PORT",
        ) from None
    # asyncio does it for sockets of its own making only: without it, an answer in two packets
    # waits 40 ms for the caller's delayed acknowledgement. Accepted connections inherit it.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with listener:
        yield listener
