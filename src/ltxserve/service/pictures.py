"""The pictures that go with a clip: a thumbnail and a sheet of its frames; knows no job."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ltxserve.media.colour import Pixels, to_rgb
from ltxserve.media.decode import video_stream
from ltxserve.media.frames import resize
from ltxserve.media.source import locate, open_container
from ltxserve.media.stills import read_image
from ltxserve.media.thumbnail import contact_sheet, save_image

_CELLS, _COLUMNS, _CELL_WIDTH = 12, 4, 320
JPEG = "image/jpeg"


def write_pictures(clip: Path, num_frames: int, folder: Path) -> dict[str, tuple[Path, str]]:
    """A thumbnail (the middle frame) and a preview sheet (frames at even distances), as JPEG.

    clip: a video or GIF of `num_frames` frames, or a folder of PNG frames. One pass over the
    clip, a few small frames in memory. Raises MediaError for what cannot be read or written.
    """
    places = np.linspace(0, num_frames - 1, min(_CELLS, num_frames)).round().astype(int)
    wanted = {int(place) for place in places} | {num_frames // 2}
    small = {place: _small(frame) for place, frame in _frames(clip, wanted)}
    thumbnail, sheet = folder / "thumbnail.jpg", folder / "preview.jpg"
    cells = np.stack([small[int(place)] for place in places])
    for picture, path in (
        (small[num_frames // 2], thumbnail),
        (contact_sheet(cells, _COLUMNS), sheet),
    ):
        save_image(picture, path, whole=False)  # the store waits for the disk; this copy goes
    return {"thumbnail": (thumbnail, JPEG), "preview": (sheet, JPEG)}


def _frames(clip: Path, wanted: set[int]) -> Iterator[tuple[int, Pixels]]:
    if clip.is_dir():
        paths = sorted(clip.glob("*.png"))
        yield from ((place, read_image(str(paths[place]))) for place in sorted(wanted))
        return
    with open_container(locate(str(clip))) as container:
        frames = container.decode(video_stream(container, clip.name))
        yield from ((place, to_rgb(frame)) for place, frame in enumerate(frames) if place in wanted)


def _small(frame: Pixels) -> Pixels:
    height, width = frame.shape[:2]
    if width <= _CELL_WIDTH:
        return frame
    return resize(frame, _CELL_WIDTH, max(1, round(height * _CELL_WIDTH / width)))
