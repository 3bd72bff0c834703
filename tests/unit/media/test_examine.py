"""Bombs, damage, lies and polyglots are refused with codes; the rest comes out plain."""

import io
import struct
import zlib
from pathlib import Path
from random import Random

import pytest
from PIL import Image

from ltxserve.errors import MediaError
from ltxserve.media import kinds
from ltxserve.media.encode import write_video
from ltxserve.media.examine import Examined, MediaLimits, examine
from ltxserve.media.sound import write_wav
from tests.unit.media.samples import click, moving_clip, target

LIMITS = MediaLimits()


def saved(folder: Path, content: bytes) -> Path:
    path = folder / "given"
    path.write_bytes(content)
    return path


def picture(name: str = "PNG", side: int = 32, **fields: object) -> bytes:
    file = io.BytesIO()
    Image.effect_noise((side, side), 90).convert("RGB").save(file, name, **fields)
    return file.getvalue()


def video(folder: Path, name: str = "clip.mp4", count: int = 9) -> bytes:
    clip = moving_clip(count)
    sound = click(0.1, count / 24)
    return write_video([clip], target(folder / name, clip), sound).path.read_bytes()


def sound(folder: Path) -> bytes:
    write_wav(click(0.1, 0.5), folder / "sound.wav")
    return (folder / "sound.wav").read_bytes()


def png_of(width: int, height: int, body: bytes = b"") -> bytes:
    """A PNG whose header promises a size."""

    def chunk(name: bytes, data: bytes) -> bytes:
        check = zlib.crc32(name + data)
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def refused(path: Path, limits: MediaLimits = LIMITS, claimed: str = "") -> str:
    with pytest.raises(MediaError) as caught:
        examine(path, limits, claimed)
    assert path.name not in str(caught.value)
    assert "Traceback" not in str(caught.value)
    assert not path.with_name(f"{path.name}.png").exists()
    return caught.value.code


def accepted(path: Path, claimed: str = "") -> Examined:
    return examine(path, LIMITS, claimed)


@pytest.mark.parametrize("name", ["PNG", "JPEG", "WEBP", "GIF"])
def test_pictures_are_written_anew(tmp_path: Path, name: str):
    path = saved(tmp_path, picture(name) + b"<script>hidden</script>")
    found = accepted(path, f"image/{name.lower()}")
    assert (found.family, found.kind) == ("image", kinds.PNG)
    assert (found.facts["width"], found.facts["height"]) == (32, 32)
    assert b"hidden" not in path.read_bytes()
    with Image.open(path) as again:
        assert again.format == "PNG"


def test_a_picture_loses_where_it_was_taken(tmp_path: Path):
    exif = Image.Exif()
    exif[0x010E] = "secret place"
    path = saved(tmp_path, picture("JPEG", exif=exif.tobytes()))
    assert b"secret place" in path.read_bytes()
    accepted(path)
    assert b"secret place" not in path.read_bytes()


def test_a_video(tmp_path: Path):
    content = video(tmp_path)
    found = accepted(saved(tmp_path, content), "video/mp4")
    assert (found.family, found.kind) == ("video", kinds.MP4)
    assert found.facts["num_frames"] == 9
    assert found.facts["fps"] == pytest.approx(24)
    assert found.facts["has_sound"]
    assert found.path.read_bytes() == content


def test_a_gif_that_moves_is_a_video(tmp_path: Path):
    found = accepted(saved(tmp_path, video(tmp_path, "clip.gif")), "image/gif")
    assert (found.family, found.kind.media_type) == ("video", "image/gif")


def test_a_sound(tmp_path: Path):
    found = accepted(saved(tmp_path, sound(tmp_path)), "audio/x-wav")
    assert (found.family, found.kind) == ("audio", kinds.WAV)
    assert found.facts["seconds"] == pytest.approx(0.5)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>",
        b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1/\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b"<html>not found</html>",
        b"PK\x03\x04" + b"x" * 99,
        b"text\n" * 99,
    ],
)
def test_other_kinds(tmp_path: Path, content: bytes):
    assert refused(saved(tmp_path, content)) == "media_type_refused"


@pytest.mark.parametrize("claimed", ["video/mp4", "audio/wav", "text/html", "application/pdf"])
def test_a_picture_sent_as_something_else(tmp_path: Path, claimed: str):
    assert refused(saved(tmp_path, picture()), claimed=claimed) == "media_type_refused"


def test_a_video_sent_as_a_picture(tmp_path: Path):
    path = saved(tmp_path, video(tmp_path))
    assert refused(path, claimed="image/png; x=y") == "media_type_refused"


@pytest.mark.parametrize("claimed", ["", "application/octet-stream", "image/jpeg", "IMAGE/X; a=b"])
def test_vague_or_near_claims_pass(tmp_path: Path, claimed: str):
    assert accepted(saved(tmp_path, picture()), claimed).family == "image"


@pytest.mark.parametrize(("width", "height"), [(7000, 7000), (60_000, 60_000), (2**31 - 1, 2)])
def test_bombs_are_refused_undecoded(tmp_path: Path, width: int, height: int):
    path = saved(tmp_path, png_of(width, height, zlib.compress(b"\0" * 100_000)))
    assert refused(path) == "media_too_large"


def test_the_limit_of_pixels_is_exact(tmp_path: Path):
    path = saved(tmp_path, picture(side=64))
    assert refused(path, MediaLimits(max_pixels=64 * 64 - 1)) == "media_too_large"
    assert examine(path, MediaLimits(max_pixels=64 * 64)).family == "image"


def test_a_bomb_of_packed_data_runs_into_the_limits(tmp_path: Path):
    """Inside the limit of pixels, but decoding has no memory for them."""
    side = 6000
    rows = zlib.compress(b"\0" * ((side // 8 + 1) * side), 9)
    path = saved(tmp_path, png_of(side, side, rows))
    assert path.stat().st_size < 20_000
    little = MediaLimits(memory=500 * 2**20)
    assert refused(path, little) == "media_corrupt"
    assert examine(saved(tmp_path, picture()), little).family == "image"


def test_too_many_bytes(tmp_path: Path):
    path = saved(tmp_path, picture())
    size = path.stat().st_size
    assert refused(path, MediaLimits(max_image_bytes=size - 1)) == "media_too_large"
    assert examine(path, MediaLimits(max_image_bytes=size)).family == "image"


def test_too_long(tmp_path: Path):
    limits = MediaLimits(max_seconds=0.3)
    assert refused(saved(tmp_path, video(tmp_path)), limits) == "media_too_large"
    assert refused(saved(tmp_path, sound(tmp_path)), limits) == "media_too_large"


@pytest.mark.parametrize("name", ["PNG", "JPEG", "WEBP"])
def test_cut_pictures(tmp_path: Path, name: str):
    content = picture(name, 128)
    assert refused(saved(tmp_path, content[: len(content) // 2])) == "media_corrupt"


@pytest.mark.parametrize("part", [0.05, 0.5, 0.9])
def test_cut_videos(tmp_path: Path, part: float):
    content = video(tmp_path)
    assert refused(saved(tmp_path, content[: int(len(content) * part)])) == "media_corrupt"


def test_a_beginning_and_nothing_else(tmp_path: Path):
    for beginning in (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"\0\0\0\x20ftypisom", b"ID3\x04"):
        assert refused(saved(tmp_path, beginning + Random(7).randbytes(300))) == "media_corrupt"


def test_two_kinds_at_once(tmp_path: Path):
    """An MP4's beginning, then a playlist that FFmpeg would follow."""
    path = saved(tmp_path, b"\0\0\0\x20ftypisom" + b"\n#EXTM3U\nhttp://127.0.0.1/a.ts\n" * 50)
    assert refused(path) == "media_corrupt"


def test_what_hangs_is_ended(tmp_path: Path):
    """No CPU second at all stands for too few of them."""
    path = saved(tmp_path, video(tmp_path))
    assert refused(path, MediaLimits(seconds=0)) == "media_corrupt"


def test_secrets_stay_with_us(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from ltxserve.media.examine import environment

    monkeypatch.setenv("LTXSERVE_SECRET_KEY", "hush")
    monkeypatch.setenv("HF_TOKEN", "hush")
    assert "hush" not in str(environment())
    assert accepted(saved(tmp_path, picture())).family == "image"
