"""Verdicts on measurements written down here."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.tiny_eval.hearing import Heard
from benchmarks.tiny_eval.judge import judge_pictures, judge_text, psnr, sound_right
from benchmarks.tiny_eval.measure import Measured, Seen
from benchmarks.tiny_eval.prompts import Prompt, Wanted

BALL = Prompt("", (Wanted("red", "circle", "bouncing"),), "grass", "static")
SILENT = Prompt("", (Wanted("red", "circle", "right"),), "grass", "static", silent=True)
NOTHING = Heard(True, (), (), 0.0)
SECONDS = 2.0


def seen(motion: str = "bouncing", heard: Heard | None = None, color: str = "red") -> Measured:
    impacts = (0.5, 1.2, 1.95) if motion == "bouncing" else ()
    return Measured("grass", "static", (Seen(color, "circle", motion, impacts),), heard)


def heard(*clicks: float, color: str = "red") -> Heard:
    return Heard(False, (color,), clicks, 0.0)


def test_a_clip_as_told_passes_every_check() -> None:
    verdict = judge_text(BALL, seen(heard=heard(0.5, 1.2)), SECONDS)
    assert verdict.passed
    assert set(verdict.checks) == {"color", "shape", "motion", "background", "camera", "sound"}


def test_only_what_is_wrong_fails() -> None:
    verdict = judge_text(BALL, seen("up", heard(0.5, 1.2), color="blue"), SECONDS)
    failed = {name for name, passed in verdict.checks.items() if not passed}
    assert failed == {"color", "motion"}


@pytest.mark.parametrize(
    ("found", "right"),
    [
        (heard(0.5, 1.2), True),
        (heard(0.5), True),  # half of the bounces seen
        (heard(0.85, 1.55), False),  # clicks between the bounces
        (heard(), False),
        (heard(0.5, 1.2, color="blue"), False),
        (NOTHING, False),
        (None, False),
    ],
)
def test_sound_of_a_bounce(found: Heard | None, right: bool) -> None:
    assert sound_right(BALL, seen(heard=found), SECONDS) is right


def test_sound_of_what_does_not_bounce_has_no_click() -> None:
    told = Prompt("", (Wanted("red", "circle", "right"),), "grass", "static")
    assert sound_right(told, seen("right", heard()), SECONDS)
    assert not sound_right(told, seen("right", heard(1.0)), SECONDS)


def test_silence_is_kept_when_told() -> None:
    assert sound_right(SILENT, seen("right", NOTHING), SECONDS)
    assert not sound_right(SILENT, seen("right", heard()), SECONDS)


def test_two_objects_may_be_found_in_any_order() -> None:
    told = Prompt(
        "", (Wanted("red", "circle", "up"), Wanted("blue", "star", "left")), "grass", "static"
    )
    both = (Seen("blue", "star", "left", ()), Seen("red", "circle", "up", ()))
    assert judge_text(told, Measured("grass", "static", both, None), 2.0).checks["both objects"]
    assert not judge_text(told, seen(), 2.0).checks["both objects"]


def test_pictures_must_be_kept_and_then_move() -> None:
    chance = np.random.default_rng(0)
    first = chance.integers(0, 256, (32, 32, 3), np.uint8)
    last = chance.integers(0, 256, (32, 32, 3), np.uint8)
    frames = np.stack([first, first, last])
    pictures = ((0, first), (-1, first))
    verdict = judge_pictures(BALL, seen(), frames, pictures)
    assert verdict.checks == {
        "first frame kept": True,
        "last frame kept": False,
        "moves as told": True,
    }
    assert verdict.decibels["first frame"] == 99.0


def test_psnr_follows_its_definition_and_resizes() -> None:
    black, gray = np.zeros((16, 16, 3), np.uint8), np.full((16, 16, 3), 16, np.uint8)
    assert psnr(black, gray) == pytest.approx(20 * np.log10(255 / 16))
    assert psnr(black, np.zeros((64, 64, 3), np.uint8)) == 99.0
