"""Pictures of every kind to RGB, and what is refused: bombs, fakes, damage."""

import base64
import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from ltxserve.errors import MediaError
from ltxserve.media.source import Source, locate
from ltxserve.media.stills import MAX_PIXELS, open_picture, read_image
from tests.unit.media.samples import moving_clip


def encoded(picture: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format=kind, **options)
    return buffer.getvalue()


def code_of(source: Source) -> str:
    with pytest.raises(MediaError) as caught:
        read_image(source)
    return caught.value.code


def png_of_size(width: int, height: int) -> bytes:
    """A few bytes that claim any size: header, a little data, end."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
    return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b"")


def test_path_data_uri_and_bytes_agree(tmp_path: Path) -> None:
    picture = moving_clip(1)[0]
    data = encoded(Image.fromarray(picture))
    (tmp_path / "a.png").write_bytes(data)
    uri = f"data:image/png;base64,{base64.b64encode(data).decode()}"
    for source in (tmp_path / "a.png", str(tmp_path / "a.png"), uri, data):
        read = read_image(source)
        assert read.dtype == np.uint8
        assert np.array_equal(read, picture)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "BMP", "TIFF", "GIF"])
def test_formats(kind: str) -> None:
    picture = np.full((40, 60, 3), (200, 100, 50), np.uint8)
    read = read_image(encoded(Image.fromarray(picture), kind))
    assert np.abs(read.astype(int) - picture).max() <= 4


def test_content_decides_not_the_name(tmp_path: Path) -> None:
    picture = Image.fromarray(moving_clip(1)[0])
    (tmp_path / "really_jpeg.png").write_bytes(encoded(picture, "JPEG"))
    assert read_image(tmp_path / "really_jpeg.png").shape == (96, 128, 3)


@pytest.mark.parametrize(
    ("orientation", "corner"), [(1, (0, 0)), (3, (-1, -1)), (6, (0, -1)), (8, (-1, 0))]
)
def test_exif_orientation(orientation: int, corner: tuple[int, int]) -> None:
    picture = np.zeros((32, 64, 3), np.uint8)
    picture[:16, :16] = 255  # top left as stored
    exif = Image.Exif()
    exif[0x0112] = orientation
    read = read_image(encoded(Image.fromarray(picture), "JPEG", exif=exif, quality=95))
    assert read.shape == ((64, 32, 3) if orientation in {6, 8} else (32, 64, 3))
    assert read[corner].min() > 200


def test_transparency_lies_on_white() -> None:
    layer = np.zeros((8, 8, 4), np.uint8)
    layer[..., 0] = 255
    layer[:, 4:, 3] = 128
    read = read_image(encoded(Image.fromarray(layer)))
    assert read[0, 0].tolist() == [255, 255, 255]
    assert np.abs(read[0, 7].astype(int) - [255, 127, 127]).max() <= 1


def test_transparent_palette() -> None:
    picture = Image.new("P", (8, 8), 0)
    picture.putpalette([255, 0, 0, 0, 0, 255])
    read = read_image(encoded(picture, transparency=0))
    assert read[0, 0].tolist() == [255, 255, 255]


def test_sixteen_bits_become_eight() -> None:
    grey = Image.fromarray(np.full((8, 8), 32768, np.uint16))
    assert read_image(encoded(grey))[0, 0].tolist() == [128, 128, 128]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "CMYK"])
def test_modes(mode: str) -> None:
    kind = "TIFF" if mode == "CMYK" else "PNG"
    picture = Image.new("RGB", (8, 8), (255, 255, 255)).convert(mode)
    assert read_image(encoded(picture, kind))[0, 0].min() >= 250


def test_colour_profile_is_applied_and_a_broken_one_ignored() -> None:
    picture = Image.new("RGB", (8, 8), (200, 100, 50))
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert read_image(encoded(picture, icc_profile=lab))[0, 0].tolist() == [200, 100, 50]
    assert read_image(encoded(picture, icc_profile=b"junk"))[0, 0].tolist() == [200, 100, 50]


def test_text_named_png(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("this is not a picture")
    assert code_of(tmp_path / "a.png") == "media_unreadable"


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_cut_off(kind: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    data = encoded(Image.fromarray(noise), kind)
    assert code_of(data[: len(data) // 2]) == "media_unreadable"


@pytest.mark.parametrize("size", [(9000, 9000), (30000, 30000), (2**31 - 1, 2**31 - 1)])
def test_bombs_are_refused_undecoded(size: tuple[int, int]) -> None:
    assert code_of(png_of_size(*size)) in {"media_too_large", "media_unreadable"}


def test_bomb_says_its_size() -> None:
    assert MAX_PIXELS < 9000 * 9000
    with pytest.raises(MediaError) as caught:
        read_image(png_of_size(9000, 9000))
    assert caught.value.code == "media_too_large"
    assert "9000x9000" in caught.value.message


@pytest.mark.parametrize("source", ["https://example.org/a.png", "no_such.png", b""])
def test_sources_are_checked(source: Source) -> None:
    assert code_of(source) in {"media_fetch_failed", "media_not_found", "media_unreadable"}


def outcome(data: bytes) -> str:
    try:
        return f"{read_image(data).ndim} dimensions"
    except MediaError as error:
        return error.code


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's about damaged TIFF tags
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP"])
def test_damage_is_never_another_error(kind: str) -> None:
    random = np.random.default_rng(1)
    data = encoded(Image.fromarray(moving_clip(1)[0]), kind)
    for _ in range(30):
        broken = bytearray(data)
        for position in random.integers(0, min(400, len(data)), 4):
            broken[position] = random.integers(0, 256)
        assert outcome(bytes(broken)) in {"3 dimensions", "media_unreadable", "media_too_large"}


def test_open_picture_does_not_decode() -> None:
    with open_picture(locate(png_of_size(4000, 4000))) as picture:  # its data is missing
        assert picture.size == (4000, 4000)
