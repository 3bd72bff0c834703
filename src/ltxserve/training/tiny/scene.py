"""Scenes of the small world: which objects move how, over what, under which camera.

Drawn by chance, seeded. It knows neither pixels nor words.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from ltxserve.training.tiny.words import world

TWO_OBJECTS = 0.25  # share of scenes with two objects
CAMERA_MOVES = 0.5  # share of scenes with a moving camera
SILENT = 0.06  # share of scenes without sound
TRAVEL = (0.95, 1.15)  # what a moving object covers in a clip, in half the shorter frame side
PAIR_TRAVEL = (0.6, 0.8)
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


def _thing(chance: Random, place: tuple[float, float], pair: bool) -> Thing:
    known = world()
    motion = chance.choice(MOTIONS)
    size = chance.choice([*known.sizes, "medium"])
    radius = chance.uniform(*known.sizes[size].radius) * (0.7 if pair else 1.0)
    jitter = 0.08 if pair else 0.25
    return Thing(
        shape=chance.choice(list(known.shapes)),
        color=chance.choice(list(known.colors)),
        size=size,
        radius=radius,
        motion=motion,
        x=place[0] + chance.uniform(-jitter, jitter),
        y=place[1] + chance.uniform(-jitter, jitter),
        travel=chance.uniform(*(PAIR_TRAVEL if pair else TRAVEL)),
        phase=chance.random(),
    )


def _places(chance: Random, pair: bool) -> list[tuple[float, float]]:
    if not pair:
        return [(0.0, 0.0)]
    spots = chance.choice([[(-0.5, 0.0), (0.5, 0.0)], [(0.0, -0.48), (0.0, 0.48)]])
    return chance.sample(spots, 2)


def random_scene(seed: int) -> Scene:
    """A scene by chance; equal seeds give equal scenes."""
    chance = Random(f"scene {seed}")
    known = world()
    pair = chance.random() < TWO_OBJECTS
    things = tuple(_thing(chance, place, pair) for place in _places(chance, pair))
    moving = [name for name in known.cameras if name != "static"]
    camera = chance.choice(moving) if chance.random() < CAMERA_MOVES else "static"
    return Scene(
        things=things,
        background=chance.choice(list(known.backgrounds)),
        offset=(chance.uniform(0, 6.0), chance.uniform(0, 6.0)),
        camera=camera,
        camera_travel=chance.uniform(0.5, 0.65),
        silent=chance.random() < SILENT,
    )
