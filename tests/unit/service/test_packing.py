"""Frames in an archive: all of them, as they are."""

import zipfile
from pathlib import Path

from ltxserve.service.packing import pack_frames


def test_every_file_is_in_the_archive_as_it_was(tmp_path: Path):
    folder = tmp_path / "video"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.png").write_bytes(bytes([number]) * 1000)
    path = pack_frames(folder)
    assert path == tmp_path / "video.zip"
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["0.png", "1.png", "2.png"]
        assert archive.read("2.png") == b"\x02" * 1000
        assert archive.testzip() is None
