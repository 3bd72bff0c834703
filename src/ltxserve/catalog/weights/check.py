"""Whether files of weights are whole: size, digest, structure; knows no hub and loads nothing."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

_PIECE = 8 * 2**20
_LONGEST_HEADER = 100_000_000  # the format's own limit


@dataclass(frozen=True)
class Record:
    """What a pulled file was when it was checked; kept beside the weights."""

    repo: str
    path: str
    bytes: int
    digest: str

    def write(self, root: Path) -> None:
        """Keep the record under a folder of weights."""
        place = _record_place(root, self.repo, self.path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(json.dumps(asdict(self)), "utf-8")


def read_record(root: Path, repo: str, path: str) -> Record | None:
    """The record of a file that was pulled into a folder of weights."""
    try:
        return Record(**json.loads(_record_place(root, repo, path).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def remove_record(root: Path, repo: str, path: str) -> None:
    """Forget a file."""
    _record_place(root, repo, path).unlink(missing_ok=True)


def _record_place(root: Path, repo: str, path: str) -> Path:
    return root / ".ltxserve" / "records" / repo / f"{path}.json"


def digest_of(path: Path, like: str, tell: Callable[[int], None] | None = None) -> str:
    """The digest of a file in the form of another one: "sha256:..." or git's "git:..."."""
    kind = like.partition(":")[0]
    if kind == "git":
        digest = hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
    else:
        digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
            if tell is not None:
                tell(len(piece))
    return f"{kind}:{digest.hexdigest()}"


def read_header(path: Path) -> dict[str, Any]:
    """The header of a safetensors file, without touching its data.

    Raises ValueError, for people, for one that is cut short or is no such file.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
        if not 2 <= length <= _LONGEST_HEADER:
            raise ValueError("it is no safetensors file (its first bytes are no header length)")
        text = file.read(length)
    if len(text) < length:
        raise ValueError(f"it is cut short: {size} bytes, its header alone has {length + 8}")
    try:
        header = json.loads(text)
        ends = [
            entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"
        ]
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        raise ValueError("it is no safetensors file (its header cannot be read)") from None
    whole = 8 + length + max(ends, default=0)
    if size != whole:
        what = "is cut short" if size < whole else "has something behind its end"
        raise ValueError(f"it {what}: {size} bytes of {whole}")
    return header


def fault(path: Path, record: Record | None, tell: Callable[[int], None] | None = None) -> str:
    """What is wrong with a file, "" for nothing: size and digest by its record, else structure."""
    if record is not None and path.stat().st_size != record.bytes:
        return f"it has {path.stat().st_size} bytes instead of {record.bytes}"
    if path.suffix == ".safetensors":
        try:
            read_header(path)
        except ValueError as error:
            return str(error)
    if record is not None and digest_of(path, record.digest, tell) != record.digest:
        return f"its content is not what it was: {record.digest.partition(':')[0]} differs"
    return ""
