"""Small pictures of clips: a thumbnail, a contact sheet, and saving them whole."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from ltxserve.errors import MediaError
from ltxserve.media.atomic import check_replaceable, replacing
from ltxserve.media.colour import Pixels
from ltxserve.media.decode import read_video
from ltxserve.media.failures import writing
from ltxserve.media.frames import resize
from ltxserve.media.metadata import clean_metadata, png_text
from ltxserve.media.probe import probe

_GAP = 4  # pixels between the pictures of a sheet
_BETWEEN = 255  # white
_FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}


def thumbnail(source: str | Path | Pixels, longest_side: int = 320) -> Pixels:
    """A clip's middle frame, or the given picture (h, w, 3), no larger than `longest_side`.

    Proportions are kept; small pictures are not enlarged. Raises what `read_video` raises.
    """
    picture = source if isinstance(source, np.ndarray) else _middle_frame(Path(source))
    height, width = picture.shape[:2]
    scale = min(1.0, longest_side / max(height, width))
    return resize(picture, max(1, round(width * scale)), max(1, round(height * scale)))


def contact_sheet(frames: Pixels, columns: int = 4, cell_width: int | None = None) -> Pixels:
    """All frames (n, h, w, 3) on one white sheet, row by row, 4 pixels apart.

    `cell_width`: width of each picture in pixels, None = as it is. For a part of a clip pass
    `spread(frames, count)`.
    """
    if cell_width is not None:
        height, width = frames.shape[1:3]
        frames = resize(frames, cell_width, max(1, round(height * cell_width / width)))
    count, height, width = frames.shape[:3]
    columns = max(1, min(columns, count))
    rows = math.ceil(count / columns)
    size = (rows * (height + _GAP) - _GAP, columns * (width + _GAP) - _GAP, 3)
    sheet = np.full(size, _BETWEEN, np.uint8)
    for index, frame in enumerate(frames):
        top = index // columns * (height + _GAP)
        left = index % columns * (width + _GAP)
        sheet[top : top + height, left : left + width] = frame
    return sheet


def spread(frames: Pixels, count: int) -> Pixels:
    """`count` frames at even distances, the first and the last among them; fewer if there are."""
    count = min(count, len(frames))
    return frames[np.linspace(0, len(frames) - 1, count).round().astype(int)]


def save_image(
    picture: Pixels, path: Path, metadata: Mapping[str, str] | None = None, whole: bool = True
) -> None:
    """Write a picture (h, w, 3) as png, jpg or webp by its suffix; whole or not at all.

    whole: False writes it in place and does not wait for the disk, for a copy that is kept
    elsewhere at once.

    `metadata` goes into png text chunks; the other formats drop it. Raises MediaError
    (`output_invalid` for other suffixes, `media_write_failed`).
    """
    kind = _FORMATS.get(path.suffix.lower())
    if kind is None:
        raise MediaError(
            "output_invalid", f"{path.name}: no picture format.", f"Use {', '.join(_FORMATS)}."
        )
    check_replaceable(path, folder=False)
    options: dict[str, object] = {} if kind == "PNG" else {"quality": 92}
    if kind == "PNG" and metadata:
        options["pnginfo"] = png_text(clean_metadata(metadata))
    with _place(path, whole) as place, writing(path.name):
        Image.fromarray(picture).save(place, format=kind, **options)


@contextmanager
def _place(path: Path, whole: bool) -> Iterator[Path]:
    if not whole:
        yield path
        return
    with replacing(path) as draft:
        yield draft.result


def _middle_frame(path: Path) -> Pixels:
    info = probe(path)
    middle = info.video.num_frames // 2 if info.video else 0
    return read_video(path, start_frame=middle, max_frames=1).frames[0]
