"""What is known of a clip before it is joined: counts, rates, the moment of its first frame."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from ltxserve.errors import MediaError
from ltxserve.media.colour import to_yuv420
from ltxserve.media.stitch.facts import look
from tests.unit.media.samples import RATES, click
from tests.unit.media.stitch.material import clip, numbered, sharp


@pytest.mark.parametrize("fps", RATES)
@pytest.mark.parametrize("suffix", ["mp4", "webm"])
def test_counts_and_rates(tmp_path: Path, fps: Fraction, suffix: str):
    facts = look(clip(tmp_path / f"a.{suffix}", numbered(31), click(0.1, 0.5), fps))
    assert (facts.width, facts.height, facts.num_frames, facts.fps) == (128, 64, 31, fps)
    assert (facts.sample_rate, facts.channels, facts.origin) == (48000, 2, 0)
    assert facts.seconds == 31 / fps


def test_what_may_be_copied(tmp_path: Path):
    one = look(clip(tmp_path / "a.mp4", numbered(60))).copyable
    two = look(clip(tmp_path / "b.mp4", numbered(20, 60))).copyable
    assert one is not None
    assert two is not None
    assert one.keys == (0, 32)
    assert one.same_stream(two)
    other = look(sharp(tmp_path / "c.mp4", numbered(20))).copyable
    assert other is not None
    assert not one.same_stream(other), "another CRF is another PPS"
    assert look(clip(tmp_path / "d.webm", numbered(20))).copyable is None


def test_frames_of_varying_length_are_counted_at_a_constant_rate(tmp_path: Path):
    """Ten frames of 1/24 s and five of 2/24 s last as long as twenty."""
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for place in [*range(10), *range(10, 20, 2)]:
            frame = to_yuv420(np.full((64, 64, 3), place * 10, np.uint8))
            frame.pts, frame.time_base = place, Fraction(1, 24)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    facts = look(path)
    assert facts.copyable is None
    assert abs(facts.seconds - Fraction(20, 24)) <= 1 / facts.fps


def test_oblong_pixels(tmp_path: Path):
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(2)
        for place in range(3):
            frame = to_yuv420(np.zeros((64, 64, 3), np.uint8))
            frame.pts = place
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    facts = look(path)
    assert (facts.width, facts.height, facts.copyable) == (128, 64, None)
    assert facts.pixel_aspect == 2


def test_refusals(tmp_path: Path):
    words = tmp_path / "words.mp4"
    words.write_text("no video at all")
    for path, code in ((tmp_path / "none.mp4", "media_not_found"), (words, "media_unreadable")):
        with pytest.raises(MediaError) as error:
            look(path)
        assert error.value.code == code
