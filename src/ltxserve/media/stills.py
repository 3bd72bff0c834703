"""Still pictures in any common format to RGB; knows nothing of video."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from ltxserve.errors import MediaError
from ltxserve.media.colour import Pixels
from ltxserve.media.failures import unreadable
from ltxserve.media.source import Located, Source, locate, picture_file

MAX_PIXELS = 64_000_000
"""Above any camera's 48 megapixels; 192 MB as RGB. Larger pictures are refused undecoded."""

_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "PPM")
_BACKGROUND = (255, 255, 255)  # white, as browsers and viewers show a transparent picture
_TOO_LARGE = (Image.DecompressionBombError, Image.DecompressionBombWarning)
# What Pillow's decoders are seen to raise on damaged files besides OSError.
_DAMAGED = (OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, struct.error)


def read_image(source: Source) -> Pixels:
    """RGB uint8 (height, width, 3) of a picture; of an animation, its first frame.

    The content decides the format, not the name. EXIF orientation is applied, colours are
    brought to sRGB, transparency is laid on white, 16 bits become 8. Raises MediaError:
    `media_unreadable` (damaged, or no picture), `media_too_large` (over `MAX_PIXELS`), and
    what `locate` raises.
    """
    with open_picture(locate(source)) as picture:
        picture.load()
        return np.array(_to_rgb(picture), dtype=np.uint8)


@contextmanager
def open_picture(located: Located) -> Iterator[Image.Image]:
    """A picture whose size is known to be safe, not decoded yet; Pillow's errors are translated.

    Raises MediaError: `media_unreadable`, `media_too_large` (over `MAX_PIXELS`).
    """
    try:
        with Image.open(picture_file(located), formats=_FORMATS) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise _too_large(f"{located.name} ({picture.width}x{picture.height})")
            yield picture
    except _TOO_LARGE as error:
        raise _too_large(located.name) from error
    except UnidentifiedImageError as error:
        raise unreadable(located.name, "it is not a picture of a known format") from error
    except _DAMAGED as error:
        raise unreadable(located.name, str(error).split("\n")[0].rstrip(".")) from error


def _too_large(name: str) -> MediaError:
    return MediaError(
        "media_too_large",
        f"{name} has more than {MAX_PIXELS // 1_000_000} million pixels.",
        "Make the picture smaller.",
    )


def _to_rgb(picture: Image.Image) -> Image.Image:
    upright = ImageOps.exif_transpose(picture)
    if upright.mode.startswith("I"):  # Pillow clips 16-bit grey to white instead of scaling it
        grey = np.asarray(upright).astype(np.int64) >> 8
        upright = Image.fromarray(grey.clip(0, 255).astype(np.uint8))
    upright = _to_srgb(upright)
    if not upright.has_transparency_data:
        return upright.convert("RGB")
    layer = upright.convert("RGBA")
    flat = Image.new("RGBA", layer.size, (*_BACKGROUND, 255))
    return Image.alpha_composite(flat, layer).convert("RGB")


def _to_srgb(picture: Image.Image) -> Image.Image:
    profile = picture.info.get("icc_profile")
    if not profile or picture.mode not in ("RGB", "RGBA", "CMYK"):
        return picture
    try:
        found = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if "sRGB" in ImageCms.getProfileDescription(found):
            return picture
        mode = "RGB" if picture.mode == "CMYK" else picture.mode
        target = ImageCms.createProfile("sRGB")
        return ImageCms.profileToProfile(picture, found, target, outputMode=mode) or picture
    except (ImageCms.PyCMSError, OSError):
        return picture  # a broken profile must not cost the picture
