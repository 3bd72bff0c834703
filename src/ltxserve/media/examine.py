"""Whether an untrusted file is what it should be: by its bytes, its size, and by decoding it.

The decoding happens in another process (`examiner`), so that neither a bomb nor a bug of a
decoder reaches this one. Knows nothing of where the file came from.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ltxserve.errors import MediaError
from ltxserve.media.fetch import too_large
from ltxserve.media.kinds import GIF, HEAD, M4A, MOV, MOVING_GIF, MP4, PNG, Family, Kind, sniff

_FORMATS = {".png": "PNG", ".jpg": "JPEG", ".webp": "WEBP", ".gif": "GIF"}
_VAGUE = ("", "application/octet-stream", "binary/octet-stream", "application/binary")
_FAMILIES = ("image", "video", "audio")


@dataclass(frozen=True)
class MediaLimits:
    """How much is taken.

    max_*_bytes: of a file, by family. max_pixels: of a picture or a frame. max_seconds: that a
    video or sound plays. seconds, memory: CPU seconds and bytes that decoding may take.
    """

    max_image_bytes: int = 20 * 2**20
    max_video_bytes: int = 512 * 2**20
    max_audio_bytes: int = 64 * 2**20
    max_pixels: int = 40_000_000
    max_seconds: float = 600.0
    seconds: int = 30
    memory: int = 4 * 2**30

    def max_bytes(self, family: Family) -> int:
        """The limit of a family."""
        return {
            "image": self.max_image_bytes,
            "video": self.max_video_bytes,
            "audio": self.max_audio_bytes,
        }[family]

    @property
    def max_any_bytes(self) -> int:
        """The limit before the family is known."""
        return max(self.max_image_bytes, self.max_video_bytes, self.max_audio_bytes)


@dataclass(frozen=True)
class Examined:
    """A file that decodes. facts: width, height, num_frames, fps, seconds, has_sound, as they
    apply."""

    path: Path
    kind: Kind
    family: Family
    facts: Mapping[str, Any] = field(default_factory=dict)


def examine(path: Path, limits: MediaLimits, claimed_type: str = "") -> Examined:
    """Judge a file; a picture is written anew beside it as a PNG, which takes its place.

    claimed_type: what its giver says it is; another family than the content's is refused, a
    vague type or another kind of the same family is not. Raises MediaError: `media_type_refused`,
    `media_too_large`, `media_corrupt`.
    """
    with path.open("rb") as file:
        kind = sniff(file.read(HEAD))
    if kind is None:
        raise _refused("The content is no picture, video or sound of a kind that is taken.")
    _check_claim(kind, claimed_type)
    if path.stat().st_size > limits.max_bytes(kind.family):
        raise too_large("The content", limits.max_bytes(kind.family))
    into = path.with_name(f"{path.name}.png")
    try:
        found = _decoded(path, kind, limits, into)
    except BaseException:
        into.unlink(missing_ok=True)
        raise
    if found.pop("rewritten", False):
        os.replace(into, path)
        kind = PNG
    family: Family = found.pop("family")
    if family == "audio" and kind in (MP4, MOV):
        kind = M4A
    elif family == "video" and kind is GIF:
        kind = MOVING_GIF
    return Examined(path, kind, family, found)


def _check_claim(kind: Kind, claimed_type: str) -> None:
    claim = claimed_type.split(";", maxsplit=1)[0].strip().lower()
    if claim in _VAGUE:
        return
    family = claim.partition("/")[0]
    moving_gif = kind is GIF and family in ("image", "video")
    container = kind.family in ("video", "audio") and family in ("video", "audio", "application")
    if family == kind.family or moving_gif or container:
        return
    said = claim[:60] if family in _FAMILIES else "something else"
    raise _refused(f"The content is {kind.media_type}, but was sent as {said}.")


def _decoded(path: Path, kind: Kind, limits: MediaLimits, into: Path) -> dict[str, Any]:
    order = {
        "path": str(path.absolute()),
        "family": kind.family,
        "format": _FORMATS.get(kind.suffix),
        "into": str(into.absolute()),
        "max_pixels": limits.max_pixels,
        "max_seconds": limits.max_seconds,
        "seconds": limits.seconds,
        "memory": limits.memory,
    }
    try:
        run = subprocess.run(
            [sys.executable, "-P", "-m", "ltxserve.media.examiner"],
            input=json.dumps(order).encode(),
            capture_output=True,
            timeout=3 * limits.seconds,
            env=environment(),
            cwd=path.parent,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise _corrupt("it takes too long to decode") from error
    try:
        answer = json.loads(run.stdout)
    except ValueError as error:  # it ran into a limit, or a decoder crashed
        raise _corrupt("it cannot be decoded within the limits of time and memory") from error
    if "error" in answer:
        said = answer["error"]
        # The file has a name of ours, which means nothing to the one who sent it.
        message = str(said["message"]).replace(path.name, "The content")
        raise MediaError(said["code"], message, said["hint"])
    return answer["found"]


def environment() -> dict[str, str]:
    """What the other process needs to start; none of our secrets."""
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "SYSTEMROOT", "LD_LIBRARY_PATH", "TMPDIR", "TEMP")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    # Each thread of these libraries reserves address space, which is limited there.
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    paths = os.pathsep.join(str(Path(entry or ".").absolute()) for entry in sys.path)
    return {**environment, **threads, "PYTHONPATH": paths}


def _refused(message: str) -> MediaError:
    return MediaError(
        "media_type_refused",
        message,
        "Pictures: PNG, JPEG, WebP, GIF. Videos: MP4, MOV, WebM, MKV, AVI, TS, GIF. "
        "Sounds: WAV, MP3, FLAC, OGG, M4A, AAC.",
    )


def _corrupt(why: str) -> MediaError:
    return MediaError(
        "media_corrupt", f"The content is damaged: {why}.", "Check that the file is complete."
    )
