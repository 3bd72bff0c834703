"""A folder of frames as one archive, which is what a store can hold; knows no job."""

from __future__ import annotations

import zipfile
from pathlib import Path

from ltxserve.media.failures import writing


def pack_frames(folder: Path) -> Path:
    """The folder's files as FOLDER.zip beside it, uncompressed: PNG has nothing left to gain.

    Raises MediaError `media_write_failed`.
    """
    path = folder.with_name(f"{folder.name}.zip")
    with writing(path.name), zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, file.name)
    return path
