"""The vocabulary: complete, and without a word that means two things."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from random import Random

import pytest

from ltxserve.training.tiny.caption import caption
from ltxserve.training.tiny.scene import random_scene
from ltxserve.training.tiny.words import split_words, vocabulary, world

# A field is green before anything on it has a colour: known as a phrase, not by the word.
SHARED_WORDS = {"green"}


def phrases() -> dict[str, dict[str, tuple[str, ...]]]:
    """class -> canonical name -> its phrases."""
    known = world()
    return {
        "color": {name: color.words for name, color in known.colors.items()},
        "size": {name: size.words for name, size in known.sizes.items()},
        "background": {name: ground.words for name, ground in known.backgrounds.items()},
        "shape": known.shapes,
        "motion": known.motions,
        "camera": known.cameras,
    }


def meanings(split: bool) -> dict[str, set[tuple[str, str]]]:
    """Everything a phrase, or a word of a phrase, can stand for."""
    found: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for kind, table in phrases().items():
        for name, row in table.items():
            for phrase in filter(None, row):
                for word in split_words(phrase) if split else [phrase]:
                    found[word].add((kind, name))
    return found


def test_captions_use_known_words_only() -> None:
    known = set(vocabulary())
    unknown = {
        word
        for seed in range(2000)
        for word in split_words(caption(random_scene(seed), Random(seed)))
        if word not in known
    }
    assert not unknown


def test_no_phrase_means_two_things() -> None:
    doubtful = {phrase: found for phrase, found in meanings(False).items() if len(found) > 1}
    assert not doubtful


def test_words_for_looks_mean_one_thing_wherever_they_stand() -> None:
    everywhere = meanings(split=True)
    doubtful = {
        word: everywhere[word]
        for kind in ("color", "shape", "size")
        for row in phrases()[kind].values()
        for word in row
        if len(everywhere[word]) > 1
    }
    assert set(doubtful) == SHARED_WORDS, doubtful


def test_words_for_looks_are_no_filler() -> None:
    filler = set(world().filler)
    looks = {
        word for kind in ("color", "shape") for row in phrases()[kind].values() for word in row
    }
    assert not looks & filler


@pytest.mark.parametrize("kind", list(phrases()))
def test_no_list_repeats_itself(kind: str) -> None:
    repeated = {
        (name, phrase)
        for name, row in phrases()[kind].items()
        for phrase in filter(None, row)
        if row.count(phrase) > 1
    }
    assert not repeated


@pytest.mark.parametrize("kind", ["color", "shape", "size"])
def test_canonical_names_come_first(kind: str) -> None:
    assert all(row[0] == name for name, row in phrases()[kind].items())


def test_every_gerund_belongs_to_a_move_and_is_known() -> None:
    known = world()
    rows = [*known.motions.values(), *known.cameras.values()]
    phrases = [phrase.removeprefix("the camera ") for row in rows for phrase in row]
    verbs = {phrase.split()[0] for phrase in phrases if phrase}
    assert set(world().gerunds) <= verbs
    assert set(world().gerunds.values()) <= set(vocabulary())


def test_pitches_are_far_enough_apart_to_be_told() -> None:
    pitches = sorted(color.pitch for color in world().colors.values())
    steps = [high / low for low, high in pairwise(pitches)]
    assert min(steps) > 2 ** (3 / 12), "a minor third at least"


def test_sizes_leave_a_gap_between_them() -> None:
    ranges = [world().sizes[name].radius for name in ("small", "medium", "large")]
    assert all(low[1] < high[0] for low, high in pairwise(ranges))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("A RED ball, on grass!", ["a", "red", "ball", "on", "grass"]),
        ("a medium-sized box", ["a", "medium-sized", "box"]),
        ("two 2 boxes... - --", ["two", "boxes"]),
        ("", []),
    ],
)
def test_sentences_are_split_into_lower_case_words(text: str, words: list[str]) -> None:
    assert split_words(text) == words


def test_vocabulary_is_sorted_and_free_of_repeats() -> None:
    assert list(vocabulary()) == sorted(set(vocabulary()))
    assert all(split_words(word) == [word] for word in vocabulary())
