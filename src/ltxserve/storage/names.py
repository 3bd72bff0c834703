"""Names that people choose: of files, as a download's name and as the end of a key, and of buckets;
knows no store.
"""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote

from ltxserve.errors import StorageError
from ltxserve.storage.base import check_key

_MAX_NAME = 200
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}")
_NOT_IN_KEYS = re.compile(r"[^A-Za-z0-9._-]+")


def check_file_name(name: str) -> str:
    """A plain file name, as it is. Raises StorageError `file_name_invalid` for path tricks.

    Refused: separators of any system, control and invisible characters, names of dots alone or
    beginning with one, more than 200 characters.
    """
    bad = any(unicodedata.category(char)[0] == "C" or char in '/\\:*?"<>|' for char in name)
    if bad or not 0 < len(name.strip()) <= _MAX_NAME or name != name.strip() or name[0] == ".":
        raise StorageError(
            "file_name_invalid",
            f"{name[:60]!r} is no plain file name.",
            "Give a name like video.mp4, without folders.",
            "file_name",
        )
    return name


def key_name(name: str) -> str:
    """A file name as the end of a key: other letters become '_'. Raises `file_name_invalid`."""
    plain = unicodedata.normalize("NFKD", check_file_name(name)).encode("ascii", "ignore").decode()
    short = _NOT_IN_KEYS.sub("_", plain).lstrip(".-_") or "file"
    stem, dot, suffix = short.rpartition(".")
    return f"{stem[:120]}{dot}{suffix[:40]}"


def dated_key(day: str, job: str, file_name: str) -> str:
    """YYYY-MM-DD/JOB/FILE; with the store's prefix before it, the path of Supabase workers.

    Raises StorageError `file_name_invalid`, `storage_key_invalid`.
    """
    return check_key(f"{day}/{job}/{key_name(file_name)}")


def is_bucket(name: str) -> bool:
    """Whether an S3 bucket can have this name."""
    return _BUCKET.fullmatch(name) is not None


def attachment(file_name: str) -> str:
    """The Content-Disposition that downloads under a name, in any letters (RFC 6266)."""
    name = check_file_name(file_name)
    plain = re.sub(r"[^A-Za-z0-9._ -]", "_", name)
    extended = "" if plain == name else f"; filename*=UTF-8''{quote(name, safe='')}"
    return f'attachment; filename="{plain}"{extended}'
