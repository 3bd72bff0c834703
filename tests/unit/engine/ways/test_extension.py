"""Extensions: the source as it is, what is new behind or before it, and segments in order."""

from pathlib import Path

import numpy as np
import pytest

from ltxserve.engine.ways.blending import RAMP
from ltxserve.media.decode import read_sound
from tests.unit.engine.ways.given import LOUD, RATE, pixels, plan_of, played, video


def greens(frames: np.ndarray) -> list[int]:
    """The green of frames that the model made, 0 for others."""
    made = (frames[..., 0] == 0).all(axis=(1, 2)) & (frames[..., 2] == 0).all(axis=(1, 2))
    return [int(frame[0, 0, 1]) if new else 0 for frame, new in zip(frames, made, strict=True)]


@pytest.mark.parametrize("added", [1, 8, 12])
def test_after_the_end(tmp_path: Path, added: int):
    source = video(tmp_path)
    frames, sound, model, way = played(plan_of(extend={"source": source, "num_frames": added}))
    assert len(frames) == 25 + added
    assert np.array_equal(frames[:25], pixels(source))
    assert greens(frames) == [0] * 25 + [100] * added
    given = model.takes[0].given
    assert given is not None
    assert given.frames is not None
    assert given.frames.frame == 0
    assert all(given.frames.held)
    assert np.array_equal(given.frames.frames, pixels(source)[-len(given.frames.frames) :])
    assert len(way.remarks) == 1
    assert sound is not None
    assert sound.num_samples == round((25 + added) / 24 * RATE)


@pytest.mark.parametrize("added", [1, 8, 12])
def test_before_the_start(tmp_path: Path, added: int):
    source = video(tmp_path)
    asked = {"source": source, "num_frames": added, "direction": "start"}
    frames, sound, model, _ = played(plan_of(extend=asked))
    assert np.array_equal(frames[added:], pixels(source))
    assert greens(frames) == [100] * added + [0] * 25
    given = model.takes[0].given
    assert given is not None
    assert given.frames is not None
    assert (given.frames.frame - 1) % 8 == 0
    assert np.array_equal(given.frames.frames, pixels(source)[: len(given.frames.frames)])
    assert sound is not None
    assert abs(sound.num_samples - (25 + added) / 24 * RATE) < 2


def test_only_what_is_new(tmp_path: Path):
    source = video(tmp_path)
    for direction in ("end", "start"):
        asked = {"source": source, "num_frames": 12, "direction": direction, "join": False}
        frames, sound, _, _ = played(plan_of(extend=asked))
        assert greens(frames) == [100] * 12
        assert sound is not None
        assert sound.num_samples == 8000
        assert sound.samples[:, 400:-400].min() == LOUD


def test_segments_go_away_from_the_source(tmp_path: Path):
    source = video(tmp_path)
    asked = {"source": source, "num_frames": 150, "context": 0.4}
    frames, _, model, way = played(plan_of(extend=asked))
    first = model.takes[0].plan.extend
    assert first is not None
    assert len(first.segments) == 2
    news = [part.new for part in first.segments]
    assert greens(frames) == [0] * 25 + [100] * news[0] + [101] * (150 - news[0])
    second = model.takes[1].given
    assert second is not None
    assert second.frames is not None
    assert set(greens(second.frames.frames)) == {100}, "led by the tail of the first"
    assert [take.number for take in model.takes] == [0, 1]
    for take, segment in zip(model.takes, first.segments, strict=True):
        (one,) = take.plan.passes
        assert one.shape.num_frames == take.plan.generate.num_frames == segment.num_frames
    assert len(way.remarks) == 2
    assert "levels" in way.remarks[1]
    back = played(plan_of(extend={**asked, "direction": "start"}))[0]
    assert greens(back)[-25:] == [0] * 25
    assert greens(back)[:150] == sorted(greens(back)[:150], reverse=True)


@pytest.mark.parametrize("direction", ["end", "start"])
def test_a_short_source_and_a_long_way(tmp_path: Path, direction: str):
    source = video(tmp_path, 9)
    asked = {"source": source, "num_frames": 200, "direction": direction}
    frames, sound, model, _ = played(plan_of(extend=asked))
    assert len(frames) == 209
    given = [take.given.frames for take in model.takes if take.given is not None]
    lengths = [len(item.frames) for item in given if item is not None]
    assert lengths[0] < lengths[1]
    kept = greens(frames)[:9] if direction == "end" else greens(frames)[-9:]
    assert kept == [0] * 9
    assert sound is not None
    assert abs(sound.num_samples - 209 / 24 * RATE) < 4


def test_sound_is_joined_without_a_jump(tmp_path: Path):
    source = video(tmp_path)
    _, sound, model, _ = played(plan_of(extend={"source": source, "num_frames": 24}))
    own = read_sound(source).samples
    assert sound is not None
    border = round(25 / 24 * RATE)
    assert np.array_equal(sound.samples[:, : border - 320], own[:, : border - 320])
    assert (sound.samples[:, border:] == LOUD).all()
    given = model.takes[0].given
    assert given is not None
    assert given.sound is not None
    assert given.sound.held == ((0.0, 25 / 24),)
    asked = {"source": source, "num_frames": 23, "direction": "start"}
    _, sound, model, _ = played(plan_of(extend=asked))
    assert sound is not None
    border = round(23 / 24 * RATE)
    assert (sound.samples[:, :border] == LOUD).all()
    whole = own[:, : round(25 / 24 * RATE)]
    assert np.array_equal(sound.samples[:, -whole.shape[1] + 321 :], whole[:, 321:])


def test_a_silent_source(tmp_path: Path):
    source = video(tmp_path, sound=False)
    asked = {"source": source, "num_frames": 8}
    assert played(plan_of(extend=asked))[1] is None
    sound = played(plan_of(extend=asked, audio=True))[1]
    assert sound is not None
    assert not sound.samples[:, : round(20 / 24 * RATE)].any()
    assert (sound.samples[:, -1000:] == LOUD).all()


def test_the_seam_is_short(tmp_path: Path):
    source = video(tmp_path)
    frames = played(plan_of(extend={"source": source, "num_frames": 8}))[0]
    assert RAMP < 8
    assert np.array_equal(frames[: 25 - RAMP], pixels(source)[: 25 - RAMP])
