"""Frames as they are encoded: passed through untouched, blended, darkened, fitted."""

from contextlib import closing
from pathlib import Path

import av
import numpy as np
import pytest

from ltxserve.errors import MediaError
from ltxserve.media.stitch.pictures import (
    black,
    blend,
    darken,
    fitted,
    part_pictures,
    pictures,
    to_planes,
)
from tests.unit.media.samples import flat_clip, moving_clip
from tests.unit.media.stitch.material import clip, numbered, planned


def test_blend_and_darken():
    one, two = np.full((6, 4), 100, np.uint8), np.full((6, 4), 201, np.uint8)
    assert (blend(one, two, 0) == one).all()
    assert (blend(one, two, 1) == two).all()
    assert (blend(one, two, 0.25) == 125).all()
    assert (darken(one, 1) == one).all()
    assert (darken(one, 0) == black(one)).all()


def test_black_is_black():
    planes = to_planes(np.zeros((8, 8, 3), np.uint8))
    assert (planes == black(planes)).all()


def test_frames_of_the_right_kind_pass_untouched(tmp_path: Path):
    path = clip(tmp_path / "a.mp4", moving_clip(10))
    with av.open(str(path)) as container, closing(pictures(planned([path]))) as made:
        for frame, planes in zip(container.decode(video=0), made, strict=True):
            assert (frame.to_ndarray() == planes).all()


def test_a_part_that_is_closed_early_closes_its_file(tmp_path: Path):
    plan = planned([clip(tmp_path / "a.mp4", numbered(10))])
    frames = part_pictures(plan.parts[0], plan)
    next(frames)
    frames.close()
    assert next(frames, None) is None


def test_a_clip_cut_off_after_it_was_measured(tmp_path: Path):
    path = clip(tmp_path / "a.mp4", numbered(40))
    plan = planned([path])
    clip(path, numbered(10))
    with pytest.raises(MediaError) as error, closing(pictures(plan)) as frames:
        list(frames)
    assert error.value.code == "media_unreadable"


@pytest.mark.parametrize(("fit", "share"), [("crop", 1.0), ("pad", 0.25), ("stretch", 1.0)])
def test_fits(fit: str, share: float):
    picture = flat_clip((250, 250, 250), 1, 64)[0, :32]
    made = fitted(picture, 64, 128, fit)  # type: ignore[arg-type]
    assert made.shape == (128, 64, 3)
    assert (made > 128).mean() == pytest.approx(share, abs=0.01)
