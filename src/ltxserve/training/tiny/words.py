"""The vocabulary of the small world: what exists and the words for it, read from world.toml.

It knows neither how things are drawn nor how sentences are built.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

WORD = re.compile(r"[a-z]+(?:-[a-z]+)*")


@dataclass(frozen=True)
class Color:
    """A named colour: sRGB 0-255, and the pitch in hertz that objects of this colour sound at."""

    rgb: tuple[int, int, int]
    pitch: float
    words: tuple[str, ...]


@dataclass(frozen=True)
class Size:
    """A named size: range of the radius in units of half the shorter frame side."""

    radius: tuple[float, float]
    words: tuple[str, ...]


@dataclass(frozen=True)
class Background:
    """A textured backdrop: base colour, the texture's tint, and what squeezes it (`sharp`).

    The texture is a sum of plane waves: amplitude, cycles per shorter frame side in x and y, phase.
    """

    rgb: tuple[int, int, int]
    tint: tuple[int, int, int]
    waves: tuple[tuple[float, float, float, float], ...]
    sharp: float
    words: tuple[str, ...]


@dataclass(frozen=True)
class World:
    """Everything that can be named, by canonical name."""

    colors: dict[str, Color]
    shapes: dict[str, tuple[str, ...]]
    sizes: dict[str, Size]
    backgrounds: dict[str, Background]
    motions: dict[str, tuple[str, ...]]
    cameras: dict[str, tuple[str, ...]]
    silence: tuple[str, ...]
    filler: tuple[str, ...]
    gerunds: dict[str, str]


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value


def _phrases(row: dict[str, list[str]]) -> tuple[str, ...]:
    """What is said as a whole, and every verb with every way."""
    pairs = (f"{verb} {way}" for verb in row["verbs"] for way in row["ways"])
    return (*row["whole"], *pairs)


def _rows(kind: type, table: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return {
        name: kind(**{key: _frozen(value) for key, value in row.items()})
        for name, row in table.items()
    }


@cache
def world() -> World:
    """The world as the package ships it."""
    text = resources.files(__package__).joinpath("world.toml").read_text(encoding="utf-8")
    data = tomllib.loads(text)
    return World(
        colors=_rows(Color, data["colors"]),
        shapes={name: tuple(words) for name, words in data["shapes"].items()},
        sizes=_rows(Size, data["sizes"]),
        backgrounds=_rows(Background, data["backgrounds"]),
        motions={name: _phrases(row) for name, row in data["motions"].items()},
        cameras={name: _phrases(row) for name, row in data["cameras"].items()},
        silence=tuple(data["silence"]["words"]),
        filler=tuple(data["filler"]["words"]),
        gerunds=dict(data["gerunds"]),
    )


def split_words(text: str) -> list[str]:
    """Lower-case words of a sentence, as the tokenizer sees them; punctuation is dropped."""
    return WORD.findall(text.lower())


@cache
def vocabulary() -> tuple[str, ...]:
    """Every known word, sorted."""
    known = world()
    phrases = [
        *(phrase for color in known.colors.values() for phrase in color.words),
        *(phrase for size in known.sizes.values() for phrase in size.words),
        *(phrase for ground in known.backgrounds.values() for phrase in ground.words),
        *(
            phrase
            for table in (known.shapes, known.motions, known.cameras)
            for row in table.values()
            for phrase in row
        ),
        *known.silence,
        *known.filler,
        *known.gerunds.values(),
    ]
    return tuple(sorted({word for phrase in phrases for word in split_words(phrase)}))
