"""The one secret of an installation, and a key per purpose made from it; knows no purpose."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
from pathlib import Path

from ltxserve.errors import ConfigurationError

FILE = "secret.key"
LEAST = 32
"""Characters that a secret has at least: 128 bits when it is written in hex."""


def load_secret(folder: Path, given: str | None = None) -> str:
    """The secret that is given, else the one kept in `folder`, made at the first call.

    Safe when several processes call it at once. Raises ConfigurationError `settings_invalid` for a
    secret that is too short, or a file that cannot be read or made.
    """
    if given is not None:
        return _strong(given, "LTXSERVE_SECRET_KEY")
    path = folder / FILE
    try:
        if not path.exists():
            _make(path)
        return _strong(path.read_text("ascii").strip(), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            "settings_invalid",
            f"The secret of this installation cannot be kept: {error}.",
            "Make LTXSERVE_DATA_DIR writable, or set LTXSERVE_SECRET_KEY.",
            "LTXSERVE_DATA_DIR",
        ) from None


def derive(secret: str, purpose: str) -> bytes:
    """32 bytes for one purpose; those of one purpose say nothing about those of another."""
    return hmac.new(secret.encode(), b"ltxserve " + purpose.encode(), hashlib.sha256).digest()


def _make(path: Path) -> None:
    """Write a secret beside its place and link it there: others see all of it or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{FILE}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(32) + "\n")
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):  # another process was first: its secret counts
            os.link(draft, path)
    finally:
        draft.unlink()


def _strong(secret: str, where: str) -> str:
    if len(secret) >= LEAST:
        return secret
    raise ConfigurationError(
        "settings_invalid",
        f"{where} holds a secret of less than {LEAST} characters.",
        "Use 64 random hex digits, as `openssl rand -hex 32` prints them.",
        "LTXSERVE_SECRET_KEY",
    )
