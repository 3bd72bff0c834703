"""The whole evaluation on a painter that does what prompts say, and on one that does not listen."""

from __future__ import annotations

import json
from itertools import islice

import pytest
from rich.console import Console
from typer.testing import CliRunner

from benchmarks.tiny_eval.cases import (
    FIRST_SCENE,
    FPS,
    HEIGHT,
    NUM_FRAMES,
    SUITES,
    WIDTH,
    Case,
    cases,
    scene_frames,
    scenes,
)
from benchmarks.tiny_eval.hearing import Sound
from benchmarks.tiny_eval.palette import Bytes
from benchmarks.tiny_eval.report import Outcome, show_confusions, show_summary, summary, to_json
from benchmarks.tiny_eval.run import Made, run
from ltxserve.training.tiny.draw import Canvas
from ltxserve.training.tiny.scene import Scene, Thing
from ltxserve.training.tiny.sound import SAMPLE_RATE, sound_of

CANVAS = Canvas(WIDTH, HEIGHT, NUM_FRAMES, FPS)
EVERY = 3  # the painter draws every third frame only, to be quick


def told_scene(case: Case) -> Scene:
    """The scene a prompt tells of, its objects side by side."""
    objects = case.prompt.objects
    places = (0.0,) if len(objects) == 1 else (-0.55, 0.55)
    radius = 0.3 if len(objects) == 1 else 0.2
    things = tuple(
        Thing(wanted.shape, wanted.color, "medium", radius, wanted.motion, x, 0.0, 0.9, 0.5)
        for wanted, x in zip(objects, places, strict=True)
    )
    return Scene(
        things, case.prompt.background, (1.0, 2.0), case.prompt.camera, 0.55, case.prompt.silent
    )


def painted(scene: Scene) -> Made:
    frames = scene_frames(scene, CANVAS, slice(0, None, EVERY))
    return Made(frames, FPS / EVERY, Sound(sound_of(scene, CANVAS).numpy(), SAMPLE_RATE))


def obedient(case: Case, seed: int) -> Made:
    if case.suite == "text":
        return painted(told_scene(case))
    first = FIRST_SCENE + SUITES.index(case.suite) * 1_000_000
    known = zip(cases(case.suite, 4), scenes(first), strict=False)
    return painted(next(scene for other, scene in known if other.prompt == case.prompt))


def stubborn(case: Case, seed: int) -> Made:
    """Always the same clip, whatever is asked."""
    return painted(next(scenes(5)))


@pytest.fixture(scope="module")
def outcomes() -> list[Outcome]:
    text = [*cases("text", 24), *islice(cases("text"), 240, 244)]
    todo = [*text, *cases("image", 4), *cases("keyframes", 4)]
    return list(run(todo, obedient, 100, []))


def test_one_who_does_what_is_told_meets_every_target(outcomes: list[Outcome]) -> None:
    lines = {(line.suite, line.what): line for line in summary(outcomes)}
    assert all(line.met for line in lines.values()), lines
    assert lines["text", "color"].value == 1.0
    assert lines["text", "color"].clips == 24
    assert lines["text, two", "both objects"].clips == 4
    assert lines["image", "first frame"].value > 40
    assert lines["keyframes", "last frame"].value > 40
    assert [outcome.seed for outcome in outcomes[:3]] == [100, 101, 102]


def test_one_who_does_not_listen_misses_them() -> None:
    failures: list[Bytes] = []
    made = list(run([*cases("text", 8), *cases("image", 2)], stubborn, 0, failures))
    missed = {(line.suite, line.what) for line in summary(made) if not line.met}
    assert {("text", "color"), ("text", "background"), ("image", "first frame")} <= missed
    assert len(failures) >= 8
    assert len({row.shape for row in failures}) == 1


def test_the_report_is_printed_and_written(outcomes: list[Outcome]) -> None:
    console = Console(record=True, width=140, quiet=False)
    lines = summary(outcomes)
    show_confusions(outcomes, console)
    show_summary(lines, console)
    text = console.export_text()
    assert "motion: wanted (rows), measured (columns)" in text
    assert ">= 95.0 %" in text
    assert ">= 26.0 dB" in text
    data = json.loads(json.dumps(to_json(outcomes, lines)))
    assert len(data["cases"]) == len(outcomes)
    assert {"wanted", "measured", "checks", "decibels", "seed"} <= set(data["cases"][0])


def test_the_command_explains_itself() -> None:
    import typer

    from benchmarks.tiny_eval.__main__ import main

    app = typer.Typer()
    app.command()(main)
    shown = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "120", "NO_COLOR": "1"})
    assert shown.exit_code == 0
    assert "--limit" in shown.output
    assert "--json" in shown.output
