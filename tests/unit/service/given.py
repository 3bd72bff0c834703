"""Media as callers send them, and a store and accounts to keep them for."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from ltxserve.accounts.accounts import Account, NewAccount, create_account
from ltxserve.db.database import Database
from ltxserve.media.encode import write_video
from ltxserve.media.sound import write_wav
from ltxserve.service.uploads import Uploads
from ltxserve.storage.links import Links
from ltxserve.storage.local import LocalStore
from tests.clocks import Clock
from tests.unit.media.samples import click, moving_clip, target


def picture(side: int = 16) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.full((side, side, 3), (200, 30, 40), np.uint8)).save(file, "PNG")
    return file.getvalue()


def video(folder: Path) -> bytes:
    clip = moving_clip(5)
    path = write_video([clip], target(folder / "clip.mp4", clip)).path
    return path.read_bytes()


def sound(folder: Path) -> bytes:
    write_wav(click(0.1, 0.5), folder / "sound.wav")
    return (folder / "sound.wav").read_bytes()


def account(database: Database, name: str) -> Account:
    with database.begin() as conn:
        return create_account(conn, NewAccount(name))


def uploads_in(database: Database, folder: Path) -> tuple[Uploads, Clock]:
    """Uploads that are kept for a minute of a clock that is moved by hand."""
    clock = Clock()
    store = LocalStore(folder / "files", Links(["s"]))
    return Uploads(database, store, keep_seconds=60, clock=clock), clock


def files_in(folder: Path) -> list[Path]:
    """Every stored file."""
    root = folder / "files"
    hidden = (".meta", ".parts")
    return [
        path
        for path in root.rglob("*")
        if path.is_file() and path.relative_to(root).parts[0] not in hidden
    ]
