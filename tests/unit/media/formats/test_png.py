"""The folder of pictures: lossless, numbered, with its sound, and careful with other files."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ltxserve.errors import MediaError
from ltxserve.media.atomic import Draft
from ltxserve.media.encode import write_video
from ltxserve.media.formats.png import PngWriter, check_only_frames, frame_name
from ltxserve.media.stills import read_image
from tests.unit.media.samples import click, moving_clip, target


def test_lossless_and_numbered(tmp_path: Path) -> None:
    clip = moving_clip(3)
    written = write_video([clip], target(tmp_path / "a", clip))
    names = sorted(os.listdir(written.path))
    assert names == ["frame_00000.png", "frame_00001.png", "frame_00002.png"]
    for name, frame in zip(names, clip, strict=True):
        assert np.array_equal(read_image(written.path / name), frame)


def test_only_the_first_picture_carries_text(tmp_path: Path) -> None:
    clip = moving_clip(2)
    write_video([clip], target(tmp_path / "a", clip, metadata={"prompt": "x"}))
    for index, expected in ((0, "x"), (1, None)):
        with Image.open(tmp_path / "a" / frame_name(index)) as picture:
            assert picture.info.get("prompt") == expected


def test_a_shorter_clip_leaves_no_old_frames(tmp_path: Path) -> None:
    long, short = moving_clip(5), moving_clip(2)
    write_video([long], target(tmp_path / "a", long), click(0.1, 0.2))
    write_video([short], target(tmp_path / "a", short))
    assert sorted(os.listdir(tmp_path / "a")) == ["frame_00000.png", "frame_00001.png"]
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize("name", ["notes.txt", "frame_1.jpg"])
def test_folders_with_other_files_are_never_replaced(tmp_path: Path, name: str) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / name).write_text("precious")
    clip = moving_clip(1)
    with pytest.raises(MediaError) as caught:
        write_video([clip], target(tmp_path / "a", clip))
    assert caught.value.code == "output_invalid"
    assert (tmp_path / "a" / name).read_text() == "precious"


def test_folder_in_the_folder_counts_as_other(tmp_path: Path) -> None:
    (tmp_path / "frame_0.png").mkdir()
    with pytest.raises(MediaError):
        check_only_frames(tmp_path)


def test_writer(tmp_path: Path) -> None:
    clip = moving_clip(1)
    writer = PngWriter(Draft(tmp_path, tmp_path / "out"), target(tmp_path / "a", clip))
    writer.add(clip[0])
    writer.end()
    writer.finish(None)
    writer.close()
    assert os.listdir(tmp_path / "out") == ["frame_00000.png"]
