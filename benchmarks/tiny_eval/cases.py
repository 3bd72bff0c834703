"""What is generated: prompts alone, with a first picture, with a first and a last picture.

The pictures are the world's own drawings; the measuring modules never see this file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, cycle, islice
from random import Random
from typing import Literal

import numpy as np

from benchmarks.tiny_eval.palette import Bytes
from benchmarks.tiny_eval.prompts import UNFAIR, Prompt, Wanted, prompts, say
from ltxserve.training.tiny.draw import Canvas, draw
from ltxserve.training.tiny.scene import MOTIONS, Scene, random_scene

Suite = Literal["text", "image", "keyframes"]
SUITES: tuple[Suite, ...] = ("text", "image", "keyframes")
DRAWN = 48  # cases of each suite that starts from pictures
FIRST_SCENE = 7_000_000_000_000  # far from the scenes that a training draws
WIDTH, HEIGHT, NUM_FRAMES, FPS = 256, 256, 49, 24.0  # the built-in model's default clip


@dataclass(frozen=True)
class Picture:
    """A picture uint8 (h, w, 3) that the clip must show at a frame; -1 is the last."""

    frame: int
    pixels: Bytes


@dataclass(frozen=True)
class Case:
    """One clip to generate: which suite it counts for, its prompt and its pictures."""

    suite: Suite
    prompt: Prompt
    pictures: tuple[Picture, ...] = ()


def _fair(scene: Scene) -> bool:
    alone = len(scene.things) == 1 and not scene.silent
    return alone and (scene.things[0].color, scene.background) not in UNFAIR


def scenes(first: int) -> Iterator[Scene]:
    """Scenes with one object, every motion in turn, from a seed on, without end."""
    numbers = count(first)
    for motion in cycle(MOTIONS):
        for number in numbers:
            scene = random_scene(number)
            if _fair(scene) and scene.things[0].motion == motion:
                yield scene
                break


def scene_frames(scene: Scene, canvas: Canvas, part: slice = slice(None)) -> Bytes:
    """A scene as drawn: uint8 (n, h, w, 3)."""
    pixels = (draw(scene, canvas, part=part).permute(0, 2, 3, 1).numpy() + 1.0) * 127.5
    return np.ascontiguousarray(np.clip(np.round(pixels), 0, 255).astype(np.uint8))


def scene_prompt(scene: Scene, chance: Random) -> Prompt:
    """The evaluation's own words for a scene."""
    objects = tuple(Wanted(thing.color, thing.shape, thing.motion) for thing in scene.things)
    bare = Prompt("", objects, scene.background, scene.camera, scene.silent)
    text = say(bare, chance)
    return Prompt(text, objects, scene.background, scene.camera, scene.silent)


def _drawn(suite: Suite) -> Iterator[Case]:
    chance = Random(f"tiny eval {suite}")
    first = FIRST_SCENE + SUITES.index(suite) * 1_000_000
    last = NUM_FRAMES - 1
    for scene in islice(scenes(first), DRAWN):
        ends = scene_frames(scene, Canvas(WIDTH, HEIGHT, NUM_FRAMES, FPS), slice(0, None, last))
        pictures = (Picture(0, ends[0]), Picture(-1, ends[1]))
        shown = pictures if suite == "keyframes" else pictures[:1]
        yield Case(suite, scene_prompt(scene, chance), shown)


def cases(suite: Suite, limit: int | None = None) -> Iterator[Case]:
    """The cases of a suite in order, the first `limit` of them."""
    made = (Case("text", prompt) for prompt in prompts()) if suite == "text" else _drawn(suite)
    return islice(made, limit)
