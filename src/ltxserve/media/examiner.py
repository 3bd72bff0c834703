"""Decodes one untrusted file, in a process of its own with limits on memory and time.

Run as `python -m ltxserve.media.examiner`: an order on stdin, a finding on stdout, both JSON.
Knows nothing of who gave the file; `examine` starts it and reads what it says.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import Any

from ltxserve.errors import MediaError

# Damage says "unreadable" everywhere else, where files are the user's own; whoever sends a file
# is told that the content is at fault.
_CODES = {"media_unreadable": "media_corrupt", "media_unsupported": "media_type_refused"}


def main() -> None:
    """Read the order, limit this process, decode, say what was found."""
    order = json.load(sys.stdin)
    limit(order["memory"], order["seconds"])
    try:
        finding: dict[str, Any] = {"found": find(order)}
    except MediaError as error:
        code = _CODES.get(error.code, error.code)
        finding = {"error": {"code": code, "message": error.message, "hint": error.hint}}
    json.dump(finding, sys.stdout)


def limit(memory: int, seconds: int) -> None:
    """Bound this process: address space and one file's size in bytes, seconds of CPU."""
    try:
        import resource
    except ImportError:  # not POSIX: the parent's time-out is all there is
        return
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_FSIZE, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def find(order: dict[str, Any]) -> dict[str, Any]:
    """What is in the file, decoded as far as it takes to know. Raises MediaError."""
    path = Path(order["path"])
    if order["family"] == "image":
        found = _picture(path, order)
        if found is not None:
            return found
    if order["family"] == "audio":
        return _sound(path, order)
    return _video(path, order)


def _picture(path: Path, order: dict[str, Any]) -> dict[str, Any] | None:
    """A picture as plain pixels in a new PNG; None for a GIF that moves.

    Written anew, it carries no place where it was taken, and nothing that hid behind its pixels.
    """
    from PIL import Image

    from ltxserve.media.source import locate
    from ltxserve.media.stills import open_picture, read_image

    most = order["max_pixels"]
    # Between once and twice its limit Pillow only warns.
    Image.MAX_IMAGE_PIXELS = most
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    try:
        with open_picture(locate(path)) as picture:
            if picture.format != order["format"]:
                raise MediaError("media_corrupt", "The picture is of two kinds at once.", "")
            if picture.width * picture.height > most:
                raise _too_large("too many pixels")
            if picture.format == "GIF" and getattr(picture, "is_animated", False):
                return None
        pixels = read_image(path)
    except MediaError as error:
        if error.code == "media_too_large":
            raise _too_large(f"more than {most / 1e6:.4g} million pixels") from error
        raise
    Image.fromarray(pixels).save(order["into"], "PNG", compress_level=1)
    height, width = pixels.shape[:2]
    return {"family": "image", "width": width, "height": height, "rewritten": True}


def _video(path: Path, order: dict[str, Any]) -> dict[str, Any]:
    from ltxserve.media.decode import read_video
    from ltxserve.media.probe import probe

    _check_length(path, order["max_seconds"])
    info = probe(path)
    if info.video is None:
        return _sound(path, order)
    if info.video.width * info.video.height > order["max_pixels"]:
        raise _too_large(f"{info.video.width}x{info.video.height} pixels")
    if info.seconds > order["max_seconds"]:
        raise _too_large(f"{info.seconds:.0f} seconds")
    read_video(path, 0, 1)
    return {
        "family": "video",
        "width": info.video.width,
        "height": info.video.height,
        "num_frames": info.video.num_frames,
        "fps": float(info.video.fps),
        "seconds": info.seconds,
        "has_sound": info.audio is not None,
    }


def _sound(path: Path, order: dict[str, Any]) -> dict[str, Any]:
    from ltxserve.media.decode import read_sound

    _check_length(path, order["max_seconds"])
    sound = read_sound(path)
    seconds = sound.num_samples / sound.sample_rate
    if seconds > order["max_seconds"]:
        raise _too_large(f"{seconds:.0f} seconds")
    return {"family": "audio", "seconds": seconds, "has_sound": True}


def _check_length(path: Path, max_seconds: float) -> None:
    """Refuse by the header what would be refused after a long decode."""
    from ltxserve.media.source import locate, open_container

    with open_container(locate(path)) as container:
        seconds = (container.duration or 0) / 1_000_000
    if seconds > max_seconds * 1.01:
        raise _too_large(f"{seconds:.0f} seconds")


def _too_large(what: str) -> MediaError:
    return MediaError("media_too_large", f"The content has {what}.", "Make it smaller or shorter.")


if __name__ == "__main__":
    main()
