"""Pictures are copied only where every decoded frame is proved to be the clips' own."""

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from ltxserve.media.formats.base import EncodeTarget
from ltxserve.media.probe import probe
from ltxserve.media.stitch.copying import can_copy, copy, is_exact
from ltxserve.media.stitch.plan import StitchPlan
from tests.unit.media.samples import moving_clip
from tests.unit.media.stitch.material import clicks, clip, numbered, planned, sharp, stitched


@pytest.fixture
def long(tmp_path: Path) -> Path:
    """100 frames; the stripes change so much at 32, 64 and 96 that the encoder sets key frames."""
    return clip(tmp_path / "long.mp4", numbered(100), clicks([1.0], 100 / 24))


def target(plan: StitchPlan, path: Path) -> EncodeTarget:
    return EncodeTarget(path, "mp4", plan.fps, plan.width, plan.height)


def test_a_copy_is_bit_for_bit(tmp_path: Path):
    paths = [clip(tmp_path / f"{i}.mp4", moving_clip(60, first=i * 7)) for i in range(3)]
    read = stitched(tmp_path / "out.mp4", paths)
    assert read.made.copied

    def decoded(path: Path) -> list[np.ndarray]:
        with av.open(str(path)) as container:
            return [frame.to_ndarray() for frame in container.decode(video=0)]

    wanted = [frame for path in paths for frame in decoded(path)]
    found = decoded(tmp_path / "out.mp4")
    assert len(found) == 180
    assert all(np.array_equal(a, b) for a, b in zip(found, wanted, strict=True))


def test_a_clip_of_one_frame_takes_one_frames_time(tmp_path: Path):
    paths = [clip(tmp_path / f"{n}.mp4", moving_clip(n)) for n in (24, 1)]
    assert stitched(tmp_path / "a.mp4", [*paths, paths[1]]).made.copied
    info = probe(tmp_path / "a.mp4")
    assert info.video is not None
    assert (info.video.num_frames, info.video.fps, info.seconds) == (26, 24, 26 / 24)


def test_whole_groups_of_frames_may_be_cut_out(tmp_path: Path, long: Path):
    own = [{"start_frame": 32}, {"end_frame": 64}, {"start_frame": 32, "end_frame": 64}]
    plan = planned([long] * 3, clips_=own)
    assert plan.parts[0].facts.copyable is not None
    assert {32, 64} <= set(plan.parts[0].facts.copyable.keys)
    read = stitched(tmp_path / "a.mp4", [long] * 3, clips_=own)
    assert read.made.copied
    assert read.numbers == [*range(32, 100), *range(64), *range(32, 64)]


@pytest.mark.parametrize(
    "own", [{"start_frame": 1}, {"end_frame": 99}, {"speed": 2}, {"start_frame": 47}]
)
def test_parts_that_need_new_frames(long: Path, own: dict[str, Any]):
    assert not can_copy(planned([long], clips_=[own]))


@pytest.mark.parametrize(
    "fields",
    [
        {"fps": 25},
        {"width": 64, "height": 32},
        {"transition": {"kind": "crossfade", "seconds": 0.2}},
        {"transition": {"kind": "fade", "seconds": 0.2}},
        {"output": {"crf": 20}},
        {"output": {"format": "webm"}},
        {"reencode": True},
    ],
)
def test_wholes_that_need_new_frames(long: Path, fields: dict[str, Any]):
    assert can_copy(planned([long, long]))
    assert not can_copy(planned([long, long], **fields))


def test_volume_and_loudness_touch_only_the_sound(long: Path):
    assert can_copy(planned([long], clips_=[{"volume": 0.5}], loudness=-20))


def test_another_quality_is_another_stream(tmp_path: Path, long: Path):
    """CRF alone changes the decoder's settings: copied, all frames would be wrong, silently."""
    other = sharp(tmp_path / "b.mp4", numbered(20, 100), crf=23)
    assert not can_copy(planned([long, other]))
    read = stitched(tmp_path / "c.mp4", [long, other])
    assert not read.made.copied
    assert read.numbers == list(range(120))


def test_a_wrong_copy_is_not_believed(tmp_path: Path):
    long = clip(tmp_path / "long.mp4", moving_clip(50))
    plan = planned([long, long])
    right, wrong = tmp_path / "right.mp4", tmp_path / "wrong.mp4"
    assert copy(plan, None, target(plan, right))
    assert is_exact(plan, right)
    stitched(wrong, [long, long], reencode=True)
    assert not is_exact(plan, wrong), "encoded twice"
    assert not is_exact(planned([long]), right), "one clip too many"
    assert not is_exact(planned([long] * 3), right), "one clip too few"
    wrong.write_text("no video")
    assert not is_exact(plan, wrong)
