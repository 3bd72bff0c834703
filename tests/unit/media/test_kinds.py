"""First bytes decide; what is not on the list is nothing."""

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ltxserve.media import kinds
from ltxserve.media.encode import write_video
from ltxserve.media.kinds import Kind, sniff
from tests.unit.media.samples import moving_clip, target


@pytest.mark.parametrize("name", ["PNG", "JPEG", "WEBP", "GIF"])
def test_pictures(name: str):
    file = io.BytesIO()
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(file, name)
    assert sniff(file.getvalue()) is getattr(kinds, name)


@pytest.mark.parametrize("name", ["a.mp4", "a.webm", "a.gif"])
def test_videos(tmp_path: Path, name: str):
    clip = moving_clip(3)
    path = write_video([clip], target(tmp_path / name, clip)).path
    found = sniff(path.read_bytes())
    assert found is not None
    assert found.suffix == path.suffix


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\0\0\0\x20ftypM4A \0\0", kinds.M4A),
        (b"\0\0\0\x14ftypqt  ", kinds.MOV),
        (b"\0\0\0\x08wide\0\0", kinds.MOV),
        (b"\0\0\0\x20ftypisom", kinds.MP4),
        (b"RIFF\0\0\0\0WAVEfmt ", kinds.WAV),
        (b"RIFF\0\0\0\0AVI LIST", kinds.AVI),
        (b"ID3\x04", kinds.MP3),
        (b"\xff\xfb\x90", kinds.MP3),
        (b"\xff\xf1\x50", kinds.AAC),
        (b"fLaC\0", kinds.FLAC),
        (b"OggS\0", kinds.OGG),
        (b"\x1aE\xdf\xa3\x93B\x82\x88matroska", kinds.MKV),
        (b"G" + b"\0" * 187 + b"G", kinds.TS),
        (b"", None),
        (b"RIFF", None),
        (b"RIFF\0\0\0\0RMID", None),
        (b"\0\0\0\x20ftypavif", None),
        (b"\0\0\0\x20ftypheic", None),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", None),
        (b"<!doctype html>", None),
        (b"#EXTM3U\n", None),
        (b"%PDF-1.7", None),
        (b"PK\x03\x04", None),
        (b"MZ\x90\0", None),
        (b"\x7fELF", None),
        (b"BM\0\0", None),
        (b"ffconcat version 1.0", None),
        (b"Good morning" + b"\0" * 200, None),
        (b"\x1aE\xdf\xa3 something else", None),
    ],
)
def test_beginnings(head: bytes, kind: Kind | None):
    assert sniff(head) is kind


@given(st.binary(max_size=300))
def test_any_bytes_have_an_answer(head: bytes):
    found = sniff(head)
    assert found is None or found.suffix.startswith(".")
