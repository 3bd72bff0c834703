"""Fitting words: the questions have the scenes' answers, and captions come to tell them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from statistics import mean

import torch

from ltxserve.training.tiny.fit_words import WordsJob, answers, reading_loss
from ltxserve.training.tiny.scene import Scene, random_scene
from ltxserve.training.tiny.words import world

COLORS = list(world().colors)


def scene_with(colors: list[str]) -> Scene:
    pair = next(s for s in map(random_scene, range(100)) if len(s.things) == 2)
    things = tuple(replace(t, color=c) for t, c in zip(pair.things, colors, strict=True))
    return replace(pair, things=things)


def test_each_colour_tells_of_its_own_thing() -> None:
    scene = scene_with(["red", "blue"])
    by_color, _ = answers([scene])
    for thing in scene.things:
        there, shape, size, motion = by_color[0, COLORS.index(thing.color)].tolist()
        assert there == 1
        assert list(world().shapes)[shape] == thing.shape
        assert list(world().sizes)[size] == thing.size
        assert list(world().motions)[motion] == thing.motion
    assert by_color[0, COLORS.index("green")].tolist() == [0, -1, -1, -1]


def test_two_things_of_one_colour_are_only_known_to_be_there() -> None:
    by_color, _ = answers([scene_with(["red", "red"])])
    assert by_color[0, COLORS.index("red")].tolist() == [1, -1, -1, -1]


def test_true_answers_cost_nothing_and_false_ones_do() -> None:
    true = answers([random_scene(seed) for seed in range(8)])
    by_color, by_scene = true
    sizes = [1, len(world().shapes), len(world().sizes), len(world().motions)]
    sure = [20.0 * (by_color[..., :1] * 2 - 1)]
    sure += [
        20.0 * torch.eye(n)[by_color[..., i + 1].clamp(min=0)] for i, n in enumerate(sizes[1:])
    ]
    chosen = [
        20.0 * torch.eye(n)[by_scene[:, i]]
        for i, n in enumerate((len(world().backgrounds), len(world().cameras)))
    ]
    silent = 20.0 * (by_scene[:, -1:] * 2.0 - 1)
    assert reading_loss((sure, [*chosen, silent]), true) < 0.01
    assert reading_loss((sure, [-chosen[0], chosen[1], silent]), true) > 1


def test_captions_come_to_tell_of_their_scenes(tmp_path: Path) -> None:
    job = WordsJob(20, batch=16)
    losses = [job.step(number, 1.0)["video"] for number in range(20)]
    assert mean(losses[-5:]) < 0.9 * losses[0]
    torch.save(job.state(), tmp_path / "words.pt")
    other = WordsJob(20, batch=16)
    other.restore(torch.load(tmp_path / "words.pt", weights_only=False))
    assert other.step(20, 1.0) == job.step(20, 1.0)
