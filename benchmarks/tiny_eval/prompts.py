"""The held-out prompts with what each must show; wordings are in wordings.toml, nothing is drawn.

Deterministic: the same prompts in the same order on every machine.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from random import Random
from typing import Any, TypeVar

from ltxserve.training.tiny.words import world

SINGLES = 240
PAIRS = 24
CAMERA_EVERY = 3  # every third prompt tells the camera to move
SIZE_EVERY = 4  # every fourth object is called small, another fourth large
SILENT_EVERY = 20
UNFAIR = {("black", "night"), ("white", "snow")}  # hard to tell apart for any eye

Item = TypeVar("Item")


@dataclass(frozen=True)
class Wanted:
    """One object as the prompt tells it, by canonical names."""

    color: str
    shape: str
    motion: str


@dataclass(frozen=True)
class Prompt:
    """A sentence and what its clip must show and sound like, by canonical names."""

    text: str
    objects: tuple[Wanted, ...]
    background: str
    camera: str
    silent: bool = False

    @property
    def main(self) -> Wanted:
        """The object that is named first."""
        return self.objects[0]

    @property
    def pair(self) -> bool:
        """Whether two objects are told of."""
        return len(self.objects) == 2


@cache
def wordings() -> dict[str, Any]:
    """The tables of wordings.toml."""
    text = (
        resources.files("benchmarks.tiny_eval")
        .joinpath("wordings.toml")
        .read_text(encoding="utf-8")
    )
    return tomllib.loads(text)


def _deck(chance: Random, names: Sequence[Item]) -> Iterator[Item]:
    """Names by chance, each as often as the others: a shuffled deck, dealt again and again."""
    while True:
        yield from chance.sample(list(names), len(names))


def _article(words: str) -> str:
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def _slots(wanted: Wanted, size: str | None, chance: Random) -> dict[str, str]:
    known = world()
    color = chance.choice([wanted.color, chance.choice(known.colors[wanted.color].words)])
    shape = chance.choice([wanted.shape, chance.choice(known.shapes[wanted.shape])])
    said = f"{chance.choice(known.sizes[size].words)} " if size else ""
    return {
        "a": _article(f"{said}{color} {shape}"),
        "a_shape": _article(shape),
        "shape": shape,
        "color": color,
        "verb": chance.choice(wordings()["motions"][wanted.motion]),
    }


def say(prompt: Prompt, chance: Random, sizes: Sequence[str | None] = (None, None)) -> str:
    """A sentence for what is wanted, worded by chance; the prompt's own text is not read."""
    tables = wordings()
    slots = _slots(prompt.main, sizes[0], chance)
    slots["ground"] = chance.choice(world().backgrounds[prompt.background].words)
    if prompt.pair:
        second = _slots(prompt.objects[1], sizes[1], chance)
        slots |= {"other": second["a"], "other_verb": second["verb"]}
    said = chance.choice(tables["two" if prompt.pair else "one"]).format(**slots)
    if prompt.camera != "static":
        camera = chance.choice(tables["cameras"][prompt.camera])
        said = chance.choice(tables["with_camera"]).format(said=said, camera=camera)
    if prompt.silent:
        said = f"{said}. {chance.choice(tables['silent'])}"
    return ". ".join(part[0].upper() + part[1:] for part in said.split(". "))


@cache
def prompts() -> tuple[Prompt, ...]:
    """All prompts: SINGLES with one object, then PAIRS with two; any prefix is well mixed."""
    chance = Random("tiny eval")
    known = world()
    colors, shapes = _deck(chance, list(known.colors)), _deck(chance, list(known.shapes))
    motions = _deck(chance, list(known.motions))
    grounds = _deck(chance, list(known.backgrounds))
    cameras = _deck(chance, [name for name in known.cameras if name != "static"])
    sizes = _deck(chance, ["small", "large", *[None] * (SIZE_EVERY - 2)])
    made: list[Prompt] = []
    while len(made) < SINGLES + PAIRS:
        background = next(grounds)
        count = 1 if len(made) < SINGLES else 2
        objects = tuple(Wanted(next(colors), next(shapes), next(motions)) for _ in range(count))
        if any((wanted.color, background) in UNFAIR for wanted in objects):
            continue
        camera = next(cameras) if len(made) % CAMERA_EVERY == 1 else "static"
        silent = len(made) % SILENT_EVERY == SILENT_EVERY - 1
        bare = Prompt("", objects, background, camera, silent)
        text = say(bare, chance, (next(sizes), None))
        made.append(Prompt(text, objects, background, camera, silent))
    return tuple(made)
