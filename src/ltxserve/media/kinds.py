"""What a file is by its first bytes: the kinds of media that are taken, and no others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

HEAD = 512
"""Bytes of a file's beginning that `sniff` wants."""
Family = Literal["image", "video", "audio"]


@dataclass(frozen=True)
class Kind:
    """One kind of media. suffix: of file names, with its dot."""

    family: Family
    media_type: str
    suffix: str


PNG = Kind("image", "image/png", ".png")
JPEG = Kind("image", "image/jpeg", ".jpg")
WEBP = Kind("image", "image/webp", ".webp")
GIF = Kind("image", "image/gif", ".gif")
MOVING_GIF = Kind("video", "image/gif", ".gif")
MP4 = Kind("video", "video/mp4", ".mp4")
MOV = Kind("video", "video/quicktime", ".mov")
WEBM = Kind("video", "video/webm", ".webm")
MKV = Kind("video", "video/x-matroska", ".mkv")
AVI = Kind("video", "video/x-msvideo", ".avi")
TS = Kind("video", "video/mp2t", ".ts")
M4A = Kind("audio", "audio/mp4", ".m4a")
WAV = Kind("audio", "audio/wav", ".wav")
MP3 = Kind("audio", "audio/mpeg", ".mp3")
FLAC = Kind("audio", "audio/flac", ".flac")
OGG = Kind("audio", "audio/ogg", ".ogg")
AAC = Kind("audio", "audio/aac", ".aac")

_BEGINNINGS: tuple[tuple[bytes, Kind], ...] = (
    (b"\x89PNG\r\n\x1a\n", PNG),
    (b"\xff\xd8\xff", JPEG),
    (b"GIF87a", GIF),
    (b"GIF89a", GIF),
    (b"fLaC", FLAC),
    (b"OggS", OGG),
    (b"ID3", MP3),
    (b"\xff\xfb", MP3),
    (b"\xff\xf3", MP3),
    (b"\xff\xf2", MP3),
    (b"\xff\xf1", AAC),
    (b"\xff\xf9", AAC),
)
_RIFF = {b"WAVE": WAV, b"WEBP": WEBP, b"AVI ": AVI}
_OLD_QUICKTIME = (b"moov", b"mdat", b"wide", b"free", b"skip")
# ISO media files are told apart by their brand; these are pictures, which are not taken.
_PICTURE_BRANDS = (b"avif", b"avis", b"heic", b"heix", b"hevc", b"mif1", b"msf1", b"crx ")
_TS_PACKET = 188


def sniff(head: bytes) -> Kind | None:
    """The kind of media that begins like this, or None for anything that is not taken."""
    for beginning, kind in _BEGINNINGS:
        if head.startswith(beginning):
            return kind
    if head[:4] == b"RIFF":
        return _RIFF.get(head[8:12])
    if head[:4] == b"\x1aE\xdf\xa3":
        return WEBM if b"webm" in head[:64] else MKV if b"matroska" in head[:64] else None
    if head[4:8] == b"ftyp":
        return _iso(head[8:12])
    if head[4:8] in _OLD_QUICKTIME:
        return MOV
    if head[:1] == b"\x47" == head[_TS_PACKET : _TS_PACKET + 1]:
        return TS
    return None


def _iso(brand: bytes) -> Kind | None:
    if brand in _PICTURE_BRANDS:
        return None
    if brand in (b"M4A ", b"M4B "):
        return M4A
    return MOV if brand == b"qt  " else MP4
