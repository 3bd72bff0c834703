"""How a clip was made, kept inside its file: what may be stored, and reading it back."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from PIL import PngImagePlugin

from ltxserve.errors import MediaError
from ltxserve.media.failures import reading
from ltxserve.media.source import Located, locate, open_container
from ltxserve.media.stills import open_picture

_KEY = re.compile(r"[a-z][a-z0-9_]{0,63}")
_OF_THE_CONTAINER = frozenset(
    {"major_brand", "minor_version", "compatible_brands", "encoder", "creation_time", "duration"}
)
_GIF_SIGNATURE, _PNG_SIGNATURE = b"GIF8", b"\x89PNG"
FPS_KEY = "ltxserve:fps"
"""In the first picture of a PNG sequence, which has no other place for its frame rate."""


def clean_metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    """The entries as every container can hold them.

    Keys are lower-case words (a-z, 0-9, _), because WebM knows no other; values are any text:
    characters that no file format can carry (NUL, lone surrogates) are replaced, and empty
    values are left out. Raises MediaError (`output_invalid`) for other keys.
    """
    for key in metadata:
        if not _KEY.fullmatch(key) or key in _OF_THE_CONTAINER:
            raise MediaError(
                "output_invalid",
                f"{key!r} cannot be a metadata key.",
                "Use lower-case letters, digits and underscores, and not a container's own name.",
            )
    return {key: _storable(value) for key, value in metadata.items() if value}


def read_metadata(path: str | Path) -> dict[str, str]:
    """The entries that were embedded in a clip (mp4, webm, gif, png or a folder of png).

    Entries of other programs come along; a GIF comment that is not ours is `comment`.
    Raises MediaError (`media_not_found`, `media_unreadable`).
    """
    path = Path(path)
    if path.is_dir():
        path = path / "frame_00000.png"
    located = locate(path)
    with reading(located.name), path.open("rb") as file:
        start = file.read(4)
    if start in (_GIF_SIGNATURE, _PNG_SIGNATURE):
        return _from_picture(located)
    with open_container(located) as container:
        return _own({key.lower(): value for key, value in container.metadata.items()})


def png_text(entries: Mapping[str, str]) -> PngImagePlugin.PngInfo:
    """Entries as PNG text chunks (tEXt, or iTXt where Latin-1 is not enough)."""
    info = PngImagePlugin.PngInfo()
    for key, value in entries.items():
        info.add_text(key, value)
    return info


def _from_picture(located: Located) -> dict[str, str]:
    with open_picture(located) as picture:
        if isinstance(picture, PngImagePlugin.PngImageFile):
            return _own({key: str(value) for key, value in picture.text.items()})
        comment = picture.info.get("comment", b"")
    return _own(_from_comment(comment.decode("utf-8", errors="replace")))


def _from_comment(comment: str) -> dict[str, str]:
    try:
        entries = json.loads(comment)
    except ValueError:
        entries = None
    if isinstance(entries, dict):
        return {str(key): str(value) for key, value in entries.items()}
    return {"comment": comment} if comment else {}


def _own(entries: Mapping[str, str]) -> dict[str, str]:
    return {k: v for k, v in entries.items() if k not in _OF_THE_CONTAINER and k != FPS_KEY}


def _storable(value: str) -> str:
    return value.replace("\0", "\ufffd").encode("utf-8", errors="replace").decode("utf-8")
