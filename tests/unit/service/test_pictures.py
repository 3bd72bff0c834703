"""Thumbnail and sheet of a clip, in every form a clip can have."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ltxserve.engine.clip import target_of
from ltxserve.media.encode import write_video
from ltxserve.service.pictures import write_pictures
from tests.tiny import planned


def clip(path: Path, num_frames: int) -> Path:
    """A clip that turns from black to white, frame by frame."""
    greys = np.linspace(0, 255, num_frames).astype(np.uint8)
    frames = np.broadcast_to(greys[:, None, None, None], (num_frames, 128, 192, 3))
    plan = planned(width=192, num_frames=num_frames, output={"format": "mp4"})
    write_video([np.ascontiguousarray(frames)], target_of(path, plan))
    return path


@pytest.mark.parametrize("name", ["video.mp4", "video.webm", "video.gif", "video"])
def test_the_middle_and_the_whole_are_shown(tmp_path: Path, name: str):
    files = write_pictures(clip(tmp_path / name, 25), 25, tmp_path)
    assert {kind for _, kind in files.values()} == {"image/jpeg"}
    thumbnail = np.asarray(Image.open(files["thumbnail"][0]))
    assert thumbnail.shape == (128, 192, 3)
    assert abs(int(thumbnail.mean()) - 127) < 8
    sheet = np.asarray(Image.open(files["preview"][0])).astype(int)
    assert sheet.shape == (3 * 128 + 2 * 4, 4 * 192 + 3 * 4, 3)
    assert sheet[:128, :192].mean() < 8
    assert sheet[-128:, -192:].mean() > 247


def test_a_single_frame_is_a_clip(tmp_path: Path):
    files = write_pictures(clip(tmp_path / "video.mp4", 1), 1, tmp_path)
    with Image.open(files["preview"][0]) as sheet:
        assert sheet.size == (192, 128)
