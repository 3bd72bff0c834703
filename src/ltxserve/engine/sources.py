"""Judges a picture's or video's source by its text alone: path, http(s) URL or data URI."""

from __future__ import annotations

import re
from typing import Literal
from urllib.parse import urlsplit

from ltxserve.engine.findings import show

Kind = Literal["image", "video", "unknown"]
_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]+):")
_SUFFIXES: dict[str, Kind | None] = {
    **dict.fromkeys(("png", "jpg", "jpeg", "webp", "bmp", "tif", "tiff", "avif", "heic"), "image"),
    **dict.fromkeys(("mp4", "m4v", "mov", "mkv", "webm", "avi", "mpg", "mpeg", "mts"), "video"),
    # known to be neither; anything else may be either, only its content tells (gif too)
    **dict.fromkeys(("wav", "mp3", "m4a", "ogg", "flac", "aac", "opus"), None),
    **dict.fromkeys(("txt", "md", "json", "toml", "html", "pdf", "zip", "tar", "gz"), None),
    **dict.fromkeys(("safetensors", "pt", "ckpt", "gguf", "svg"), None),
}
_MAX_PATH = 8192


def source_kind(source: str) -> Kind | None:
    """What a source holds by its name or data type; None if it is known to be neither."""
    if source[:5].lower() == "data:":
        media = source[5:].split(",", 1)[0].split(";", 1)[0].lower()
        return _media_kind(media)
    path = source.split("?", 1)[0].split("#", 1)[0] if "://" in source[:9] else source
    name = path.replace("\\", "/").rsplit("/", 1)[-1]
    return _SUFFIXES.get(name.rsplit(".", 1)[-1].lower(), "unknown") if "." in name else "unknown"


def _media_kind(media: str) -> Kind | None:
    top = media.split("/", 1)[0]
    if media in ("", "image/gif", "application/octet-stream"):
        return "unknown"
    if top == "image":
        return "image"
    return "video" if top == "video" else None


def source_problem(source: str) -> tuple[str, str] | None:
    """Message and fix if this cannot be a path, an http(s) URL or a data URI of a picture."""
    fix = "Give a path, an http(s) URL or a data URI of an image or a video."
    if not source.strip() or "\x00" in source:
        return "The source is empty or not text.", fix
    scheme = _SCHEME.match(source)
    name = scheme[1].lower() if scheme else ""
    if name == "data":
        return None if "," in source[:200] else ("The data URI has no data.", fix)
    if len(source) > _MAX_PATH:
        return f"The source is {len(source)} characters long.", fix
    if name in ("http", "https"):
        return None if _has_host(source) else (f"{show(source)} names no host.", fix)
    if name and source[len(name) : len(name) + 3] == "://":
        return f"Sources of kind {show(name)} are not read.", fix
    return None


def _has_host(url: str) -> bool:
    try:
        return bool(urlsplit(url).hostname)
    except ValueError:  # e.g. a broken IPv6 address
        return False


def video_problem(source: str) -> tuple[str, str] | None:
    """Message and fix if this cannot be a video."""
    fix = "Give a path, an http(s) URL or a data URI of a video."
    if bad := source_problem(source):
        return bad[0], fix
    return (
        None
        if source_kind(source) in ("video", "unknown")
        else (
            f"{show(source)} is no video.",
            fix,
        )
    )


def sound_problem(source: str) -> tuple[str, str] | None:
    """Message and fix if this cannot be a sound, or a video that may have one."""
    fix = "Give a path, an http(s) URL or a data URI of a sound or of a video with sound."
    if bad := source_problem(source):
        return bad[0], fix
    return (f"{show(source)} has no sound.", fix) if source_kind(source) == "image" else None
