"""Percent rises from stage to stage and never falls; the time left is said when it can be."""

from ltxserve.service.course import Course, progress_of

PLAN = {
    "stages": [
        {"kind": "encode_prompt", "steps": 1},
        {"kind": "denoise", "steps": 8},
        {"kind": "decode_video", "steps": 49},
        {"kind": "encode_file", "steps": 49},
    ]
}
COURSE = Course.of(PLAN)


def test_shares_rise_to_one() -> None:
    seen = [
        COURSE.share(kind, step, 8)
        for kind in ("encode_prompt", "denoise", "decode_video", "encode_file")
        for step in range(9)
    ]
    assert seen == sorted(seen)
    assert seen[0] == 0.0
    assert abs(seen[-1] - 1.0) < 1e-9


def test_what_is_not_planned_says_nothing() -> None:
    assert COURSE.share("load", 1, 2) == 0.0
    assert Course.of(None).share("denoise", 1, 2) == 0.0
    assert COURSE.share("denoise", 1, 0) == COURSE.share("denoise", 0, 8)


def test_progress_is_the_newest_stage() -> None:
    updates = [{"model": "tiny"}, {"stage": "denoise", "step": 3, "of": 8}, {"beat": 1}]
    progress = progress_of(COURSE, updates, {}, 6.0)
    assert progress is not None
    assert (progress["stage"], progress["step"], progress["of"]) == ("denoise", 3, 8)
    left = 6.0 * (100 - progress["percent"]) / progress["percent"]
    assert abs(progress["eta_seconds"] - left) < 0.1
    assert progress_of(COURSE, [{"model": "tiny"}], {}, 1.0) is None


def test_percent_never_falls_and_early_guesses_are_kept() -> None:
    late = progress_of(COURSE, [{"stage": "store", "step": 0, "of": 2}], {"percent": 97.5}, 9.0)
    early = progress_of(COURSE, [{"stage": "encode_prompt", "step": 0, "of": 1}], {}, 1.0)
    assert late is not None
    assert early is not None
    assert late["percent"] == 97.5
    assert early["eta_seconds"] is None


def test_the_first_update_says_nothing_of_the_time_left() -> None:
    first = progress_of(COURSE, [{"stage": "denoise", "step": 4, "of": 8}], {}, 0.0)
    assert first is not None
    assert first["percent"] > 5
    assert first["eta_seconds"] is None
