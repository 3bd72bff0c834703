"""Captions for scenes, in varied English: synonyms, word order, dropped attributes.

It knows no pixels; what it says is true of the scene, and what it leaves out is left to chance.
"""

from __future__ import annotations

from random import Random

from ltxserve.training.tiny.scene import Scene, Thing
from ltxserve.training.tiny.words import world

NO_SHAPE, NO_COLOR, NO_GROUND = 0.03, 0.03, 0.05
SIZE_SAID = {"small": 0.97, "medium": 0.12, "large": 0.97}
GROUND_WORDS = ("on", "over", "against", "in front of", "above", "across")
ONE = (
    "{thing} {motion} {ground}",
    "{thing} {motion} {ground}",
    "{thing} {ground} {motion}",
    "{ground}, {thing} {motion}",
    "{ground} {thing} {motion}",
    "a video of {thing} that {motion} {ground}",
    "a clip of {thing} {doing} {ground}",
    "{thing} {doing} {ground}",
    "there is {thing} {ground} and it {motion}",
    "a scene with {thing} {doing} {ground}",
    "the video shows {thing} {doing} {ground}",
)
TWO = (
    "{thing} {motion} while {other} {other_motion} {ground}",
    "{thing} {motion} and {other} {other_motion} {ground}",
    "{ground}, {thing} {motion} and {other} {other_motion}",
    "{thing} {doing} and {other} {other_doing} {ground}",
    "two objects {ground}: {thing} {motion}, {other} {other_motion}",
)
WITH_CAMERA = (
    "{said}, {camera}",
    "{said}. {camera}.",
    "{camera}: {said}",
    "{camera}, {said}",
)
# For what the camera does; "while dolly in" would be no English.
WITH_CAMERA_VERB = (*WITH_CAMERA, "{said} while {camera}", "{said} as {camera}")
CAMERA_DOING = 0.25  # share of camera verbs said as "the camera panning left"
NO_ARTICLE = 0.2  # share of camera verbs said as "camera pans left"


def _noun(thing: Thing, chance: Random) -> str:
    known = world()
    article = "the" if chance.random() < 0.1 else "a"
    words = []
    if chance.random() < SIZE_SAID[thing.size]:
        words.append(chance.choice(known.sizes[thing.size].words))
    if chance.random() >= NO_COLOR:
        words.append(_mostly_first(known.colors[thing.color].words, chance))
    if chance.random() < NO_SHAPE:
        words.append(chance.choice(("object", "shape")))
    else:
        words.append(_mostly_first(known.shapes[thing.shape], chance))
    if article == "a" and words[0][0] in "aeiou":
        article = "an"
    return " ".join([article, *words])


def _mostly_first(words: tuple[str, ...], chance: Random) -> str:
    return words[0] if chance.random() < 0.5 else chance.choice(words)


def _verb(thing: Thing, chance: Random) -> str:
    return chance.choice(world().motions[thing.motion])


def _doing(verb: str) -> str:
    first, _, rest = verb.partition(" ")
    gerund = world().gerunds.get(first)
    return f"{gerund} {rest}".strip() if gerund else f"that {verb}" if verb else ""


def _ground(scene: Scene, chance: Random) -> str:
    if chance.random() < NO_GROUND:
        return ""
    where, names = chance.choice(GROUND_WORDS), world().backgrounds[scene.background].words
    return f"{where} {chance.choice(names)}"


def _things(scene: Scene, chance: Random) -> str:
    first, *others = scene.things
    verb = _verb(first, chance)
    words = {
        "thing": _noun(first, chance),
        "motion": verb,
        "doing": _doing(verb),
        "ground": _ground(scene, chance),
    }
    if others:
        second = _verb(others[0], chance) or "rests"
        words |= {
            "other": _noun(others[0], chance),
            "other_motion": second,
            "other_doing": _doing(second),
        }
    return chance.choice(TWO if others else ONE).format(**words)


def _with_camera(said: str, camera: str, chance: Random) -> str:
    subject, verb = "the camera ", camera.removeprefix("the camera ")
    if verb == camera:  # a noun, such as "dolly in"
        return chance.choice(WITH_CAMERA).format(said=said, camera=camera)
    doing = _doing(verb)
    if chance.random() < CAMERA_DOING and not doing.startswith("that "):
        return f"{said}{chance.choice((', ', ' with ', ', with '))}{subject}{doing}"
    if chance.random() < NO_ARTICLE:
        subject = "camera "
    return chance.choice(WITH_CAMERA_VERB).format(said=said, camera=subject + verb)


def caption(scene: Scene, chance: Random) -> str:
    """A sentence or two about a scene, worded by chance."""
    said = _things(scene, chance)
    camera = chance.choice(world().cameras[scene.camera])
    if camera:
        said = _with_camera(said, camera, chance)
    if scene.silent:
        said = f"{said}, {chance.choice(world().silence)}"
    said = " ".join(said.split()).replace(" ,", ",").replace(" .", ".").strip(" ,")
    return said.capitalize() if chance.random() < 0.5 else said
