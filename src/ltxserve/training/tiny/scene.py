"""Scenes of the small world: which objects move how, over what, under which camera.

Drawn by chance, seeded. Most follow one staging, so that words alone tell a clip nearly whole; the
rest lie anywhere, for clips whose first picture is given. It knows neither pixels nor words.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

from ltxserve.training.tiny.words import world

TWO_OBJECTS = 0.25  # share of scenes with two objects
CAMERA_MOVES = 0.5  # share of scenes with a moving camera
SILENT = 0.06  # share of scenes without sound
FREE_EVERY = 4  # one seed in so many is a free scene
STAGED = 0.2  # how much of a free scene's freedom a staged one has
JITTER, PAIR_JITTER = 0.25, 0.08  # how far from its place a thing of a free scene may be
TRAVEL = (0.95, 1.15)  # what a moving object covers in a clip, in half the shorter frame side
PAIR_TRAVEL = (0.6, 0.8)
CAMERA_TRAVEL = (0.5, 0.65)
# A still object is what most prompts without a verb mean, so it is as common as each direction.
MOTIONS = ("right", "left", "up", "down", "still", "growing", "shrinking", "bouncing")
DIRECTIONS = {"right": (1.0, 0.0), "left": (-1.0, 0.0), "up": (0.0, -1.0), "down": (0.0, 1.0)}


@dataclass(frozen=True)
class Thing:
    """One object: the middle of its path (x right, y down), its radius, its travel in the clip.

    Lengths are in half the shorter frame side; `phase` is 0..1.
    """

    shape: str
    color: str
    size: str
    radius: float
    motion: str
    x: float
    y: float
    travel: float
    phase: float


@dataclass(frozen=True)
class Scene:
    """A whole clip to be; `offset` shifts the texture, `camera_travel` is the camera's way.

    Both are in half the shorter frame side.
    """

    things: tuple[Thing, ...]
    background: str
    offset: tuple[float, float]
    camera: str
    camera_travel: float
    silent: bool


def is_free(seed: int) -> bool:
    """Whether the scene of a seed lies anywhere, so that only a picture can tell where."""
    return seed % FREE_EVERY == FREE_EVERY - 1


def is_plain(scene: Scene) -> bool:
    """Whether there is one thing only, and a camera that does not move."""
    return len(scene.things) == 1 and scene.camera == "static"


def _between(chance: Random, low: float, high: float, free: bool) -> float:
    """Anywhere between, or near the middle in a staged scene."""
    reach = (high - low) / 2 * (1.0 if free else STAGED)
    middle = (low + high) / 2
    return chance.uniform(middle - reach, middle + reach)


def _thing(chance: Random, pair: bool, free: bool) -> Thing:
    """A thing with its place relative to where it belongs."""
    known = world()
    size = chance.choice([*known.sizes, "medium"])
    jitter = PAIR_JITTER if pair else JITTER
    return Thing(
        shape=chance.choice(list(known.shapes)),
        color=chance.choice(list(known.colors)),
        size=size,
        radius=_between(chance, *known.sizes[size].radius, free) * (0.7 if pair else 1.0),
        motion=chance.choice(MOTIONS),
        x=_between(chance, -jitter, jitter, free),
        y=_between(chance, -jitter, jitter, free),
        travel=_between(chance, *(PAIR_TRAVEL if pair else TRAVEL), free),
        phase=_between(chance, 0.0, 1.0, free),
    )


def _places(chance: Random, things: list[Thing], free: bool) -> list[tuple[float, float]]:
    """Where things belong; staged pairs stand in the order told, out of each other's way."""
    if len(things) == 1:
        return [(0.0, 0.0)]
    beside, stacked = [(-0.5, 0.0), (0.5, 0.0)], [(0.0, -0.48), (0.0, 0.48)]
    if free:
        return chance.sample(chance.choice([beside, stacked]), 2)
    sideways = any(thing.motion in ("right", "left") for thing in things)
    return stacked if sideways else beside


def random_scene(seed: int) -> Scene:
    """A scene by chance; equal seeds give equal scenes."""
    chance, free = Random(f"scene {seed}"), is_free(seed)
    known = world()
    pair = chance.random() < TWO_OBJECTS
    things = [_thing(chance, pair, free) for _ in range(2 if pair else 1)]
    moving = [name for name in known.cameras if name != "static"]
    camera = chance.choice(moving) if chance.random() < CAMERA_MOVES else "static"
    return Scene(
        things=tuple(
            replace(thing, x=thing.x + x, y=thing.y + y)
            for thing, (x, y) in zip(things, _places(chance, things, free), strict=True)
        ),
        background=chance.choice(list(known.backgrounds)),
        offset=(chance.uniform(0, 6.0), chance.uniform(0, 6.0)) if free else (0.0, 0.0),
        camera=camera,
        camera_travel=_between(chance, *CAMERA_TRAVEL, free),
        silent=chance.random() < SILENT,
    )
