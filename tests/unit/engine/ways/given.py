"""Sources on disk, and a model that shows what it was given: held frames as they are, others green.

Its frames carry their number and its sound is a constant, so that every join can be told exactly.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ltxserve.catalog import load_catalog
from ltxserve.engine.backends.base import Frames
from ltxserve.engine.plan import Plan, parse_request, plan
from ltxserve.engine.settle import settle
from ltxserve.engine.ways.base import Take, Way
from ltxserve.engine.ways.create import open_way
from ltxserve.media.decode import read_video
from ltxserve.media.encode import write_video
from ltxserve.media.sound import Sound
from tests.unit.media.samples import moving_clip, target

RATE = 16_000
LOUD = 0.5


def tone(frames: int, fps: float = 24.0, rate: int = RATE) -> Sound:
    """A quiet tone as long as some frames."""
    count = round(frames / fps * rate)
    wave = (0.1 * np.sin(np.arange(count) / 9)).astype(np.float32)
    return Sound(np.stack([wave, wave]), rate)


def video(folder: Path, frames: int = 25, sound: bool = True) -> str:
    """A video of a square that moves, 128x128 at 24 frames a second."""
    path, clip = folder / f"source-{frames}-{sound}.mp4", moving_clip(frames, 128, 128)
    write_video([clip], target(path, clip), tone(frames) if sound else None)
    return str(path)


def pixels(source: str) -> Frames:
    return read_video(source).frames


def plan_of(**fields: Any) -> Plan:
    """The plan of a request, its sources looked at."""
    catalog = load_catalog()
    return plan(settle(parse_request({"prompt": "a ball", **fields}), catalog), catalog)


@dataclass
class Model:
    """Makes green frames and a constant sound, and keeps what is held."""

    takes: list[Take] = field(default_factory=list)
    decoded: int = 0

    def __call__(self, take: Take) -> Played:
        self.takes.append(take)
        return Played(self, take)


@dataclass
class Played:
    model: Model
    take: Take

    def frames(self) -> Iterator[Frames]:
        shape = self.take.plan.generate
        clip = np.zeros((shape.num_frames, shape.height, shape.width, 3), np.uint8)
        clip[..., 1] = 100 + self.take.number
        given = None if self.take.given is None else self.take.given.frames
        if given is not None:
            for index in range(len(given.frames)):
                at = given.frame + index
                if given.held[(index + 7) // 8 if given.frame == 0 else index // 8]:
                    clip[at] = given.frames[index]
        self.model.decoded += len(clip)
        for start in range(0, len(clip), 10):
            yield clip[start : start + 10]

    def sound(self) -> Sound:
        count = round(self.take.plan.generate.seconds * RATE)
        return Sound(np.full((2, count), LOUD, np.float32), RATE)


def played(made: Plan) -> tuple[Frames, Sound | None, Model, Way]:
    """A plan's clip, its sound, the model that made it and the way it went."""
    model, way = Model(), open_way(made)
    frames = np.concatenate(list(way.frames(model)))
    return frames, way.sound(), model, way
