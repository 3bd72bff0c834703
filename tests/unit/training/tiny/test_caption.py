"""Captions: true, by a reader that does not know how they are built; varied; at their rates."""

from __future__ import annotations

import re
from collections import Counter
from random import Random

import pytest

from ltxserve.training.tiny.caption import (
    NO_COLOR,
    NO_GROUND,
    NO_SHAPE,
    SIZE_SAID,
    SUBJECTS,
    caption,
    sentences,
)
from ltxserve.training.tiny.scene import Scene, random_scene
from ltxserve.training.tiny.words import world
from tests.unit.training.tiny.scenes import scene, thing

COUNT = 3000
Said = dict[str, set[str]]


def lexicon() -> list[tuple[str, str, str]]:
    """(phrase, class, canonical name), the longest phrases first, cameras before all else."""
    known = world()
    rows = [("camera", name, words) for name, words in known.cameras.items()]
    rows += [("background", name, ground.words) for name, ground in known.backgrounds.items()]
    rows += [("color", name, color.words) for name, color in known.colors.items()]
    rows += [("size", name, size.words) for name, size in known.sizes.items()]
    rows += [("shape", name, words) for name, words in known.shapes.items()]
    rows += [("motion", name, words) for name, words in known.motions.items()]
    rows += [("motion", name, tuple(map(gerund, words))) for name, words in known.motions.items()]
    rows += [("camera", name, forms(words)) for name, words in known.cameras.items()]
    rows.append(("silent", "yes", known.silence))
    flat = [(phrase, kind, name) for kind, name, words in rows for phrase in words if phrase]
    return sorted(set(flat), key=lambda row: (row[1] != "camera", -len(row[0]), row))


def gerund(phrase: str) -> str:
    """The "-ing" form of a verb phrase by the world's list; "" where the list has none."""
    verb, _, rest = phrase.partition(" ")
    doing = world().gerunds.get(verb, "")
    return f"{doing} {rest}".strip() if doing else ""


def forms(phrases: tuple[str, ...]) -> tuple[str, ...]:
    """ "the view pans left", "camera is panning left" and the like for "the camera pans left"."""
    verbs = [phrase.removeprefix("the camera ") for phrase in phrases if is_verb(phrase)]
    doing = [form for form in map(gerund, verbs) if form]
    said = [*verbs, *doing, *(f"{word} {form}" for form in doing for word in ("is", "keeps"))]
    return tuple(f"{subject} {form}" for subject in set(SUBJECTS) for form in said)


def is_verb(phrase: str) -> bool:
    return phrase.startswith("the camera ")


LEXICON = [
    (re.compile(rf"(?<![a-z-]){re.escape(phrase)}(?![a-z-])"), kind, name)
    for phrase, kind, name in lexicon()
]


def read(sentence: str) -> Said:
    """What a sentence says, phrase by phrase: each is crossed out once it is understood."""
    text, said = sentence.lower(), {}
    for pattern, kind, name in LEXICON:
        for found in pattern.finditer(text):
            # A camera's noun is a clause of its own: "dolly in" is none in "dolly in front of".
            noun = kind == "camera" and not found.group().startswith(SUBJECTS)
            if noun and not re.match(r"\s*([.,:]|$)", text[found.end() :]):
                continue
            said.setdefault(kind, set()).add(name)
            text = text[: found.start()] + "#" * len(found.group()) + text[found.end() :]
    return said


def truth(shown: Scene) -> dict[str, str]:
    """The canonical names of a scene with one thing."""
    only = shown.things[0]
    return {
        "shape": only.shape,
        "color": only.color,
        "size": only.size,
        "motion": only.motion,
        "camera": shown.camera,
        "background": shown.background,
        "silent": "yes" if shown.silent else "no",
    }


@pytest.fixture(scope="module")
def told() -> list[tuple[Scene, str, Said]]:
    """Single-thing scenes with a caption each and what the reader makes of it."""
    scenes = [random_scene(seed) for seed in range(COUNT)]
    pairs = [
        (shown, caption(shown, Random(seed)))
        for seed, shown in enumerate(scenes)
        if len(shown.things) == 1
    ]
    return [(shown, text, read(text)) for shown, text in pairs]


def test_what_a_caption_says_is_true(told: list[tuple[Scene, str, Said]]) -> None:
    for shown, text, said in told:
        wrong = {kind: names for kind, names in said.items() if names != {truth(shown)[kind]}}
        assert not wrong, f"{text!r} of {shown}"


def test_moves_and_silence_are_always_said(told: list[tuple[Scene, str, Said]]) -> None:
    for shown, text, said in told:
        assert shown.camera == "static" or "camera" in said, text
        assert shown.things[0].motion == "still" or "motion" in said, text
        assert shown.silent == ("silent" in said), text


@pytest.mark.parametrize(
    ("kind", "left_out"), [("shape", NO_SHAPE), ("color", NO_COLOR), ("background", NO_GROUND)]
)
def test_attributes_are_left_out_at_their_rates(
    told: list[tuple[Scene, str, Said]], kind: str, left_out: float
) -> None:
    missing = sum(kind not in said for _, _, said in told)
    assert missing / len(told) == pytest.approx(left_out, abs=0.02)


@pytest.mark.parametrize("size", list(SIZE_SAID))
def test_sizes_are_said_at_their_rates(told: list[tuple[Scene, str, Said]], size: str) -> None:
    of_size = [said for shown, _, said in told if shown.things[0].size == size]
    spoken = sum("size" in said for said in of_size)
    assert spoken / len(of_size) == pytest.approx(SIZE_SAID[size], abs=0.05)


def test_every_synonym_is_used_and_the_first_one_most() -> None:
    red = scene(thing(color="red"))
    words = Counter(
        word
        for seed in range(2000)
        for word in caption(red, Random(seed)).lower().split()
        if word in world().colors["red"].words
    )
    assert set(words) == set(world().colors["red"].words)
    assert words["red"] > 0.5 * words.total()


def test_one_scene_is_told_in_many_ways() -> None:
    shown = scene(thing(motion="right"), camera="dolly_in")
    assert len({caption(shown, Random(seed)) for seed in range(500)}) > 490


def test_equal_chance_gives_equal_words() -> None:
    assert caption(random_scene(5), Random(9)) == caption(random_scene(5), Random(9))


def test_both_of_two_things_are_told() -> None:
    shown = scene(thing(color="red", x=-0.5), thing(color="blue", shape="star", x=0.5))
    for seed in range(300):
        said = read(caption(shown, Random(seed)))
        assert said.get("shape", set()) <= {"circle", "star"}
        assert said.get("color", set()) <= {"red", "blue"}
        assert "shape" in said or "color" in said


def test_articles_agree_with_the_next_word() -> None:
    for seed in range(2000):
        text = caption(random_scene(seed), Random(seed)).lower()
        assert not re.search(r"\ba [aeiou]", text), text
        assert not re.search(r"\ban [^aeiou]", text), text


def test_spaces_are_single_and_none_stands_before_a_comma() -> None:
    for seed in range(2000):
        text = caption(random_scene(seed), Random(seed))
        assert text == " ".join(text.split())
        assert " ," not in text
        assert " ." not in text
        assert text
        assert text[0] != ","


def test_a_camera_noun_follows_no_conjunction() -> None:
    for seed in range(2000):
        text = caption(scene(thing(), camera="dolly_in"), Random(seed)).lower()
        assert not re.search(
            r"\b(while|as) (?!the camera|camera|the \w+ \w+ )(a slow|dolly|zoom|push)", text
        ), text


def test_camera_moves_are_said_in_every_form() -> None:
    said = " ".join(
        caption(scene(thing(), camera="dolly_left"), Random(seed)) for seed in range(1500)
    ).lower()
    for form in ("the camera pans left", "camera pans left", "the camera panning left", "pan left"):
        assert form in said


def test_every_sentence_is_used_whole() -> None:
    """No slot is left open, and none of the kinds is dead."""
    said = [caption(random_scene(seed), Random(seed)).lower() for seed in range(4000)]
    assert not any("{" in text or "}" in text for text in said)
    fixed = {
        kind: [re.sub(r"\{\w+\}", "#", row) for row in rows] for kind, rows in sentences().items()
    }
    for kind, rows in fixed.items():
        patterns = [re.escape(row).replace("\\#", ".*").replace(",", ",?") for row in rows]
        unused = [
            row
            for row, pattern in zip(rows, patterns, strict=True)
            if not any(re.search(pattern, text) for text in said)
        ]
        assert not unused, kind
