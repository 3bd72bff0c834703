"""Everything about a stitch is decided in whole frames and exact fractions, before any is made."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ltxserve.errors import RequestRefused
from ltxserve.media.stitch.facts import ClipFacts
from ltxserve.media.stitch.parse import parse_stitch
from ltxserve.media.stitch.plan import StitchPlan, frames_for, plan_stitch


def facts(frames: int = 48, fps: Fraction = Fraction(24), **more: Any) -> ClipFacts:
    return ClipFacts(Path("a.mp4"), 128, 64, frames, fps, Fraction(0), **more)


def plan(
    clips: list[ClipFacts], own: list[dict[str, Any]] | None = None, **more: Any
) -> StitchPlan:
    own = own or [{}] * len(clips)
    return plan_stitch(parse_stitch({"clips": [{"source": "a", **o} for o in own], **more}), clips)


def refusal(
    clips: list[ClipFacts], own: list[dict[str, Any]] | None = None, **more: Any
) -> list[tuple[str, str | None]]:
    with pytest.raises(RequestRefused) as refused:
        plan(clips, own, **more)
    return [(p.code, p.field) for p in refused.value.problems]


def test_cuts_follow_one_another():
    made = plan([facts(48), facts(24), facts(12)])
    assert (made.starts, made.num_frames, made.seconds) == ((0, 48, 72), 84, 3.5)


def test_crossfades_overlap_and_fades_do_not():
    cross = plan([facts()] * 3, transition={"kind": "crossfade", "seconds": 0.5})
    assert (cross.starts, cross.num_frames) == ((0, 36, 72), 120)
    fade = plan([facts()] * 3, transition={"kind": "fade", "seconds": 0.5})
    assert (fade.num_frames, [j.dark for j in fade.joints]) == (144, [6, 6])


@pytest.mark.parametrize(
    ("own", "first", "stop"),
    [
        ({"start": 0.5}, 12, 48),
        ({"start": 0.51}, 12, 48),
        ({"end": 1.0}, 0, 24),
        ({"end": -0.5}, 0, 36),
        ({"start": -0.5}, 36, 48),
        ({"start_frame": 9}, 9, 48),
        ({"start_frame": -8, "end_frame": -1}, 40, 47),
    ],
)
def test_trims(own: dict[str, Any], first: int, stop: int):
    part = plan([facts()], [own]).parts[0]
    assert (part.first, part.stop, part.whole) == (first, stop, False)


@pytest.mark.parametrize(
    "own",
    [{"start": 2.0}, {"end": 0}, {"start_frame": 60}, {"end_frame": 49}, {"start": 1, "end": 0.5}],
)
def test_trims_outside_the_clip(own: dict[str, Any]):
    assert refusal([facts()], [own]) == [("trim_invalid", "clips.0")]


def test_transitions_need_room():
    """48 frames hold two transitions of one second, not one of one second and one longer."""
    one = {"kind": "crossfade", "seconds": 1}
    assert plan([facts()] * 3, transition=one).num_frames == 96
    long = {"transition": {"kind": "crossfade", "seconds": 1.1}}
    assert refusal([facts()] * 3, [{}, long, {}], transition=one) == [
        ("transition_invalid", "clips.1")
    ]


def test_problems_come_together():
    own = [{"start": 9}, {"transition": {"kind": "crossfade", "seconds": 9}}]
    assert len(refusal([facts()] * 2, own)) == 3


@pytest.mark.parametrize(
    ("asked", "size"),
    [
        ({}, (128, 64)),
        ({"width": 64}, (64, 32)),
        ({"height": 128}, (256, 128)),
        ({"width": 100, "height": 100}, (100, 100)),
        ({"width": 50}, (50, 24)),
    ],
)
def test_sizes(asked: dict[str, int], size: tuple[int, int]):
    made = plan([facts()], None, **asked)
    assert (made.width, made.height) == size


def test_rounded_rates_are_understood():
    assert plan([facts()], fps=29.97).fps == Fraction(30000, 1001)


@pytest.mark.parametrize(
    ("rates", "format", "rate"),
    [
        ([24000, 24000], "mp4", 24000),
        ([24000, 48000], "mp4", 48000),
        ([44100, None], "mp4", 44100),
        ([24000, 24000], "webm", 48000),
        ([11025], "mp4", 48000),
        ([None, None], "mp4", None),
    ],
)
def test_one_rate_of_sound(rates: list[int | None], format: str, rate: int | None):
    clips = [facts(sample_rate=r, channels=1 if r else 0) for r in rates]
    made = plan(clips, output={"format": format})
    assert made.sample_rate == rate
    assert made.num_samples == (2 * rate * len(clips) if rate else 0)


def test_silent_on_request():
    assert plan([facts(sample_rate=48000, channels=2)], audio=False).sample_rate is None


def test_a_result_of_hours_is_refused():
    clip = facts(24 * 3600)
    assert refusal([clip] * 2, [{"speed": 0.1}, {}]) == [("duration_too_long", "clips")]


@given(
    frames=st.integers(1, 2000),
    rate=st.sampled_from([Fraction(24), Fraction(30000, 1001), Fraction(25), Fraction(60)]),
    fps=st.sampled_from([24.0, 29.97, 25.0, 60.0, 23.976]),
    speed=st.floats(0.1, 10),
)
def test_a_part_never_needs_frames_that_are_not_there(
    frames: int, rate: Fraction, fps: float, speed: float
):
    made = plan([facts(frames, rate)], [{"speed": speed}], fps=fps)
    part = made.parts[0]
    length = frames / (rate * part.speed)
    assert abs(part.num_frames / made.fps - length) <= Fraction(1, 2) / made.fps or (
        part.num_frames == 1
    )
    last = int((part.num_frames - 1) * part.speed * rate / made.fps)
    assert last < frames


def test_halves_go_up():
    assert [frames_for(Fraction(n, 48), Fraction(24)) for n in range(5)] == [0, 1, 1, 2, 2]
