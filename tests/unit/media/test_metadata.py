"""What was embedded comes back letter by letter, in every format."""

import io
from pathlib import Path

import pytest
from PIL import Image

from ltxserve.errors import MediaError
from ltxserve.media.encode import write_video
from ltxserve.media.metadata import FPS_KEY, clean_metadata, png_text, read_metadata
from tests.unit.media.samples import HARD_METADATA, click, moving_clip, target


@pytest.mark.parametrize("name", ["a.mp4", "a.webm", "a.gif", "a"])
@pytest.mark.parametrize("with_sound", [False, True])
def test_round_trip(tmp_path: Path, name: str, with_sound: bool) -> None:
    clip = moving_clip(3, 64, 64)
    sound = click(0.05, 0.2) if with_sound else None
    write_video([clip], target(tmp_path / name, clip, metadata=HARD_METADATA), sound)
    assert len(HARD_METADATA["plan"].encode()) > 10_000
    assert read_metadata(tmp_path / name) == HARD_METADATA


@pytest.mark.parametrize("name", ["a.mp4", "a.webm", "a.gif", "a"])
def test_nothing_embedded_nothing_read(tmp_path: Path, name: str) -> None:
    clip = moving_clip(2, 64, 64)
    write_video([clip], target(tmp_path / name, clip))
    assert read_metadata(tmp_path / name) == {}


def test_other_programs_find_it(tmp_path: Path) -> None:
    clip = moving_clip(2, 64, 64)
    for name in ("a.gif", "a"):
        write_video([clip], target(tmp_path / name, clip, metadata={"prompt": "a red ball"}))
    with Image.open(tmp_path / "a.gif") as gif:
        assert b"a red ball" in gif.info["comment"]
        assert gif.info["loop"] == 0
    with Image.open(tmp_path / "a" / "frame_00000.png") as png:
        assert png.info["prompt"] == "a red ball"


def test_foreign_gif_comment(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.gif", comment=b"made by hand")
    assert read_metadata(tmp_path / "a.gif") == {"comment": "made by hand"}


@pytest.mark.parametrize("key", ["", "Prompt", "a-b", "1st", "encoder", "creation_time", "ü"])
def test_keys_that_cannot_be_stored(key: str) -> None:
    with pytest.raises(MediaError) as caught:
        clean_metadata({key: "x"})
    assert caught.value.code == "output_invalid"


def test_values_that_cannot_be_stored() -> None:
    cleaned = clean_metadata({"a": "x\0y", "b": "\ud800z", "c": ""})
    assert cleaned == {"a": "x\ufffdy", "b": "?z"}


def test_png_text_is_plain_where_it_can_be() -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (2, 2)).save(buffer, "PNG", pnginfo=png_text({"seed": "7", FPS_KEY: "24"}))
    assert b"tEXtseed\x007" in buffer.getvalue()


@pytest.mark.parametrize("content", [b"", b"text", b"GIF89a", b"\x89PNG\r\n\x1a\n"])
def test_no_media(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(MediaError) as caught:
        read_metadata(tmp_path / "a")
    assert caught.value.code == "media_unreadable"


def test_missing(tmp_path: Path) -> None:
    for path in (tmp_path / "none.mp4", tmp_path):
        with pytest.raises(MediaError) as caught:
            read_metadata(path)
        assert caught.value.code == "media_not_found"
