"""Captions for scenes, in varied English: synonyms, word order, dropped attributes.

Sentences are in captions.toml. It knows no pixels; what it says is true of the scene, and what it
leaves out is left to chance.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from random import Random

from ltxserve.training.tiny.scene import Scene, Thing
from ltxserve.training.tiny.words import world

NO_SHAPE, NO_COLOR, NO_GROUND = 0.03, 0.03, 0.05
SIZE_SAID = {"small": 0.97, "medium": 0.12, "large": 0.97}
STILL_SAID, STATIC_SAID = 0.85, 0.4  # how often it is said that a thing, or the camera, is still
GROUND_WORDS = ("on", "over", "against", "in front of", "above", "across")
SUBJECTS = ("the camera", "the camera", "the camera", "camera", "the view", "the shot")
HOW = ("slowly", "slowly", "gently", "smoothly", "steadily", "quickly", "gradually")
HOW_SAID = 0.15  # share of verbs with one of those
ONGOING = 0.25  # share of verbs said as "is rolling"
BACKDROP, SPLIT = 0.25, 0.08  # shares of sentences that name the ground, or the colour, on its own
CAMERA_DOING = 0.3  # share of camera verbs said as "the camera panning left"


@cache
def sentences() -> dict[str, list[str]]:
    """The sentences of captions.toml by kind."""
    text = resources.files(__package__).joinpath("captions.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def _mostly_first(words: tuple[str, ...], chance: Random) -> str:
    return words[0] if chance.random() < 0.5 else chance.choice(words)


def _words_for(thing: Thing, chance: Random) -> tuple[str, str, str]:
    """Words for its size, colour and shape; "" for what is not said."""
    known, size, color, shape = world(), "", "", chance.choice(("object", "shape"))
    if chance.random() < SIZE_SAID[thing.size]:
        size = chance.choice(known.sizes[thing.size].words)
    if chance.random() >= NO_COLOR:
        color = _mostly_first(known.colors[thing.color].words, chance)
    if chance.random() >= NO_SHAPE:
        shape = _mostly_first(known.shapes[thing.shape], chance)
    return size, color, shape


def _with_article(words: str, chance: Random) -> str:
    article = chance.choices(("a", "the", "one"), (0.87, 0.1, 0.03))[0]
    return f"{'an' if article == 'a' and words[0] in 'aeiou' else article} {words}"


def _verb(thing: Thing, chance: Random) -> tuple[str, str]:
    """What a thing does, as "rolls left" and as "rolling left"; "" where that is not said."""
    if thing.motion == "still":
        if chance.random() >= STILL_SAID:
            return "", ""
        verb = chance.choice(world().motions["still"])
    else:
        verb = _how(chance.choice(world().motions[thing.motion]), chance)
    doing = _doing(verb)
    if chance.random() < ONGOING and not doing.startswith("that "):
        return f"is {doing}", doing
    return verb, doing


def _how(verb: str, chance: Random) -> str:
    if chance.random() >= HOW_SAID or verb.startswith(("is ", "keeps ")):
        return verb
    return f"{verb} {chance.choice(HOW)}"


def _doing(verb: str) -> str:
    first, _, rest = verb.partition(" ")
    gerund = world().gerunds.get(first)
    return f"{gerund} {rest}".strip() if gerund else f"that {verb}" if verb else ""


def _things(scene: Scene, chance: Random) -> str:
    first, *others = scene.things
    backdrop = chance.choice(world().backgrounds[scene.background].words)
    if chance.random() < NO_GROUND:
        backdrop = ""
    size, color, shape = _words_for(first, chance)
    verb, doing = _verb(first, chance)
    slots = {
        "thing": _with_article(" ".join(filter(None, (size, color, shape))), chance),
        "bare": f"{size} {shape}".strip(),
        "color": color,
        "motion": verb,
        "doing": doing,
        "ground": f"{chance.choice(GROUND_WORDS)} {backdrop}" if backdrop else "",
        "backdrop": backdrop,
    }
    for other in others:
        words = " ".join(filter(None, _words_for(other, chance)))
        verb, doing = _verb(other, chance)
        slots |= {
            "other": _with_article(words, chance),
            "other_motion": verb or "rests",
            "other_doing": doing or "resting",
        }
        if not slots["motion"]:
            slots |= {"motion": "rests", "doing": "resting"}
    kind = "two" if others else _kind(slots, chance)
    return chance.choice(sentences()[kind]).format(**slots)


def _kind(slots: dict[str, str], chance: Random) -> str:
    """Which sentences have a place for what is to be said."""
    if not slots["motion"]:
        return "quiet"
    # "A {bare}" must not become "a orange": words that start so have no such sentence.
    if slots["color"] and slots["bare"][0] not in "aeiou" and chance.random() < SPLIT:
        return "split"
    return "backdrop" if slots["backdrop"] and chance.random() < BACKDROP else "one"


def _with_camera(said: str, scene: Scene, chance: Random) -> str:
    camera = chance.choice(world().cameras[scene.camera])
    verb = camera.removeprefix("the camera ")
    if verb == camera:  # a noun, such as "dolly in"
        return chance.choice(sentences()["camera"]).format(said=said, camera=camera)
    if scene.camera != "static":
        verb = _how(verb, chance)
    subject = chance.choice(SUBJECTS)
    panning = _doing(verb)
    kind = "camera_verb"
    if chance.random() < CAMERA_DOING and not panning.startswith("that "):
        kind = "camera_doing"
    slots = {"said": said, "camera": f"{subject} {verb}", "subject": subject, "panning": panning}
    return chance.choice(sentences()[kind]).format(**slots)


def caption(scene: Scene, chance: Random) -> str:
    """A sentence or two about a scene, worded by chance."""
    said = _things(scene, chance)
    if scene.camera != "static" or chance.random() < STATIC_SAID:
        said = _with_camera(said, scene, chance)
    if scene.silent:
        silence = chance.choice(world().silence)
        said = chance.choice((f"{said}, {silence}", f"{said}. {silence}", f"{silence}. {said}"))
    said = " ".join(said.split()).replace(" ,", ",").replace(" .", ".").replace(" :", ":")
    said = said.strip(" ,")
    return said.capitalize() if chance.random() < 0.5 else said
